//! apt with a state of its own: another suite, the machine's own untouched.
//!
//! Everything that apt writes goes to one folder, and its record of installed
//! packages there is empty. So "download what an install would need" yields
//! every package down to the C library, whatever this machine has, and needs
//! no privileges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt_sources::Mirror;
use crate::command;

/// Which of a suite's lists are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Targets {
    Packages,
    Sources,
}

/// An apt that knows one suite of one mirror.
pub(crate) struct Apt {
    folder: PathBuf,
    configuration: PathBuf,
}

impl Apt {
    /// Writes the configuration into a new folder and gets the list of packages,
    /// or of sources.
    pub(crate) fn update(
        folder: PathBuf,
        mirror: &Mirror,
        suite: &str,
        targets: Targets,
    ) -> Result<Self> {
        for part in ["state/lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("state/status"), "")?;
        let architecture = command::output(Command::new("dpkg").arg("--print-architecture"))?;
        let architecture = String::from_utf8_lossy(&architecture);
        fs::write(
            folder.join("suite.sources"),
            match targets {
                Targets::Packages => mirror.stanza(suite, architecture.trim()),
                Targets::Sources => mirror.source_stanza(suite),
            },
        )?;
        let configuration = folder.join("apt.conf");
        fs::write(&configuration, settings(&folder)?)?;

        let apt = Self {
            folder,
            configuration,
        };
        command::output(apt.get().arg("update"))?;
        Ok(apt)
    }

    /// The version of a package, if the suite has it.
    pub(crate) fn version(&self, package: &str) -> Option<String> {
        let mut command = Command::new("apt-cache");
        command.arg("-c").arg(&self.configuration);
        command.args(["show", "--no-all-versions", package]);
        let fields = command::output(&mut command).ok()?;
        String::from_utf8_lossy(&fields)
            .lines()
            .find_map(|line| line.strip_prefix("Version: "))
            .map(str::to_owned)
    }

    /// Unpacks packages and all that they depend on.
    pub(crate) fn unpack_with_dependencies(&self, packages: &[String], into: &Path) -> Result<()> {
        let archives = self.folder.join("archives");
        for entry in fs::read_dir(&archives)?.flatten() {
            // Left from another set of packages.
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "deb")
            {
                fs::remove_file(entry.path())?;
            }
        }
        let mut download = self.get();
        download.args([
            "install",
            "--download-only",
            "--no-install-recommends",
            "--yes",
        ]);
        command::output(download.args(packages))?;
        unpack_all(&archives, into)
    }

    /// Unpacks packages without what they depend on.
    pub(crate) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        let archives = into.with_extension("archives");
        fs::create_dir_all(&archives)?;
        let mut download = self.get();
        download.current_dir(&archives).arg("download");
        command::output(download.args(packages))?;
        unpack_all(&archives, into)
    }

    /// The versions of which the suite lists the source.
    pub(crate) fn source_versions(&self, package: &str) -> Result<Vec<String>> {
        let mut command = Command::new("apt-cache");
        command.arg("-c").arg(&self.configuration);
        command.args(["showsrc", "--only-source", package]);
        let fields = command::output(&mut command)?;
        let fields = String::from_utf8_lossy(&fields);
        let versions = fields
            .lines()
            .filter_map(|line| line.strip_prefix("Version: "));
        Ok(versions.map(str::to_owned).collect())
    }

    /// Puts the source of a version, without Debian's changes, into a folder.
    pub(crate) fn download_source(&self, package: &str, version: &str, into: &Path) -> Result<()> {
        let mut download = self.get();
        download.current_dir(into).arg("source");
        download.args(["--only-source", "--download-only", "--tar-only"]);
        command::output(download.arg(format!("{package}={version}")))?;
        Ok(())
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-c").arg(&self.configuration).arg("--quiet=2");
        // Error texts are shown to the contributor, and apt's are translated.
        command.env("LC_ALL", "C.UTF-8");
        command
    }
}

/// Read after the machine's own configuration, whose proxies, certificates and
/// passwords for mirrors stay in force.
fn settings(folder: &Path) -> Result<String> {
    let folder = folder
        .to_str()
        .context("the cache folder's name is not UTF-8")?;
    if folder.contains('"') {
        bail!("the cache folder's name holds a quotation mark: {folder}");
    }
    Ok(format!(
        r#"
Dir::Etc::sourcelist "{folder}/suite.sources";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}/state";
Dir::State::lists "{folder}/state/lists";
Dir::State::status "{folder}/state/status";
Dir::State::extended_states "{folder}/state/extended_states";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{folder}";

// The folder may be readable by this user only, and it has no other user.
APT::Sandbox::User "root";
Debug::NoLocking "true";
Acquire::Retries "3";

// A suite that the machine prefers is not among the sources here.
APT::Default-Release "";

// The machine's hooks are about the machine's packages.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"#
    ))
}

fn unpack_all(archives: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let mut packages: Vec<PathBuf> = fs::read_dir(archives)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    packages.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    packages.sort();
    if packages.is_empty() {
        bail!("apt-get downloaded nothing");
    }
    for package in packages {
        command::output(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(package)
                .arg(into),
        )?;
    }
    Ok(())
}

//! The mirrors that this machine is set up for, from apt's own lists.
//!
//! Both forms are read: one stanza of fields per source (`*.sources`) and one
//! source per line (`*.list`). Fields that say how to trust and reach a mirror
//! are carried over as they are, so that a private mirror with its own key
//! works as well as a public one.

use std::fs;
use std::path::{Path, PathBuf};

/// One archive of Debian packages, without the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    pub(crate) uri: String,
    pub(crate) components: Vec<String>,
    /// `Signed-By` and the like, each as a complete field.
    fields: Vec<String>,
    suites: Vec<String>,
}

/// What a source of another suite keeps of the one that it is modelled on, in
/// both spellings.
const KEPT: [(&str, &str); 4] = [
    ("signed-by", "Signed-By"),
    ("trusted", "Trusted"),
    ("check-valid-until", "Check-Valid-Until"),
    ("by-hash", "By-Hash"),
];

impl Mirror {
    /// The stanza that gives the packages of `suite` from this mirror.
    pub(crate) fn stanza(&self, suite: &str, architecture: &str) -> String {
        let architecture = format!("Architectures: {architecture}\n");
        self.stanza_of("deb", "Packages", suite, &architecture)
    }

    /// The same of their sources.
    pub(crate) fn source_stanza(&self, suite: &str) -> String {
        self.stanza_of("deb-src", "Sources", suite, "")
    }

    fn stanza_of(&self, types: &str, targets: &str, suite: &str, more: &str) -> String {
        let mut stanza = format!(
            "Types: {types}\nURIs: {}\nSuites: {suite}\nComponents: {}\n{more}",
            self.uri,
            self.components.join(" ")
        );
        // No translations, no application metadata, no differences to an
        // older list: only the list itself.
        stanza.push_str(&format!("Targets: {targets}\nPDiffs: no\n"));
        for field in &self.fields {
            stanza.push_str(field);
            stanza.push('\n');
        }
        stanza
    }
}

/// The mirrors of this machine that may hold the distribution's newest suite,
/// the most promising first.
pub(crate) fn mirrors() -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for file in files(Path::new("/etc/apt")) {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        if file
            .extension()
            .is_some_and(|extension| extension == "sources")
        {
            mirrors.extend(stanzas(&text));
        } else {
            mirrors.extend(lines(&text));
        }
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    promising(mirrors, os_release(&release, "VERSION_CODENAME"))
}

/// The suites in which the newest packages of this machine's distribution are.
pub(crate) fn newest_suites() -> &'static [&'static str] {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    match os_release(&release, "ID") {
        Some("debian") => &["sid", "testing"],
        Some("ubuntu") => &["devel"],
        _ => &["sid", "testing", "devel"],
    }
}

fn files(etc: &Path) -> Vec<PathBuf> {
    let mut found = vec![etc.join("sources.list")];
    let mut parts: Vec<PathBuf> = fs::read_dir(etc.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it == "list" || it == "sources")
        })
        .collect();
    parts.sort();
    found.extend(parts);
    found
}

/// Leaves out what cannot hold the suite (security archives, other vendors'
/// repositories have no `main` of this release) and repeated addresses.
fn promising(mirrors: Vec<Mirror>, codename: Option<&str>) -> Vec<Mirror> {
    let (mut own, other): (Vec<Mirror>, Vec<Mirror>) = mirrors
        .into_iter()
        .filter(|mirror| {
            mirror
                .components
                .iter()
                .any(|component| component == "main")
        })
        .filter(|mirror| !mirror.suites.iter().any(|suite| suite.contains("security")))
        .partition(|mirror| {
            mirror
                .suites
                .iter()
                .any(|suite| Some(suite.as_str()) == codename)
        });
    own.extend(other);
    let mut unique: Vec<Mirror> = Vec::new();
    for mut mirror in own {
        // Other components bring nothing that CPython needs.
        mirror
            .components
            .retain(|component| component == "main" || component == "universe");
        match unique.iter_mut().find(|it| it.uri == mirror.uri) {
            Some(known) => {
                for component in mirror.components {
                    if !known.components.contains(&component) {
                        known.components.push(component);
                    }
                }
            }
            None => unique.push(mirror),
        }
    }
    unique
}

fn os_release<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map(|value| value.trim_matches('"'))
}

/// Sources in stanzas (deb822).
fn stanzas(text: &str) -> Vec<Mirror> {
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    text.split("\n\n").flat_map(stanza).collect()
}

fn stanza(text: &str) -> Vec<Mirror> {
    // A field goes on in lines that begin with white space.
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let get = |wanted: &str| {
        let field = fields.iter().find(|(name, _)| name == wanted);
        field.map_or("", |(_, value)| value.as_str())
    };
    let enabled = !matches!(
        get("enabled").to_ascii_lowercase().as_str(),
        "no" | "false" | "0"
    );
    if !enabled || !words(get("types")).any(|kind| kind == "deb") {
        return Vec::new();
    }
    let kept: Vec<String> = KEPT
        .iter()
        .filter(|(_, field)| !get(&field.to_ascii_lowercase()).is_empty())
        .map(|(_, field)| format!("{field}: {}", get(&field.to_ascii_lowercase())))
        .collect();
    words(get("uris"))
        .map(|uri| Mirror {
            uri: uri.to_owned(),
            components: words(get("components")).map(str::to_owned).collect(),
            fields: kept.clone(),
            suites: words(get("suites")).map(str::to_owned).collect(),
        })
        .collect()
}

/// Sources in lines: `deb [option=value …] URI suite component …`.
fn lines(text: &str) -> Vec<Mirror> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Mirror> {
    let text = text.split('#').next()?.trim();
    let rest = text.strip_prefix("deb")?;
    let rest = rest
        .strip_prefix([' ', '\t', '['])
        .map(|_| rest.trim_start())?;
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut parts = words(rest);
    let uri = parts.next()?.to_owned();
    let suites = vec![parts.next()?.to_owned()];
    let fields = words(options)
        .filter_map(|option| option.split_once('='))
        .filter_map(|(name, value)| {
            let (_, field) = KEPT.iter().find(|(option, _)| *option == name)?;
            Some(format!("{field}: {}", value.replace(',', " ")))
        })
        .collect();
    Some(Mirror {
        uri,
        components: parts.map(str::to_owned).collect(),
        fields,
        suites,
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::{lines, os_release, promising, stanzas};

    #[test]
    fn stanzas_give_a_mirror_for_each_address() {
        let text = "\
# a comment
Types: deb deb-src
URIs: http://one.example/debian
# another
 http://two.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/example.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
";
        let mirrors = stanzas(text);
        let uris: Vec<&str> = mirrors.iter().map(|it| it.uri.as_str()).collect();
        assert_eq!(
            uris,
            ["http://one.example/debian", "http://two.example/debian"]
        );
        assert_eq!(
            promising(mirrors, Some("bookworm"))[0].stanza("sid", "amd64"),
            "Types: deb\nURIs: http://one.example/debian\nSuites: sid\nComponents: main\n\
             Architectures: amd64\nTargets: Packages\nPDiffs: no\n\
             Signed-By: /usr/share/keyrings/example.gpg\n"
        );
        assert_eq!(
            promising(stanzas(text), Some("bookworm"))[0].source_stanza("sid"),
            "Types: deb-src\nURIs: http://one.example/debian\nSuites: sid\nComponents: main\n\
             Targets: Sources\nPDiffs: no\nSigned-By: /usr/share/keyrings/example.gpg\n"
        );
    }

    #[test]
    fn a_key_inside_a_stanza_is_kept_whole() {
        let text = "Types: deb\nURIs: http://one.example/debian\nSuites: sid\nComponents: main\n\
                    Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEYCQjIxYJ\n";
        let stanza = stanzas(text)[0].stanza("sid", "arm64");
        assert!(
            stanza.ends_with(
                "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEYCQjIxYJ\n"
            ),
            "{stanza}"
        );
    }

    #[test]
    fn lines_give_mirrors_with_their_options() {
        let text = "\
deb [arch=amd64 signed-by=/etc/a.gpg,/etc/b.gpg trusted=yes] http://one.example/debian trixie main # note
deb-src http://source.example/debian trixie main
# deb http://off.example/debian trixie main
deb\thttp://two.example/debian/ trixie main universe
deb http://broken.example
";
        let mirrors = lines(text);
        let uris: Vec<&str> = mirrors.iter().map(|it| it.uri.as_str()).collect();
        assert_eq!(
            uris,
            ["http://one.example/debian", "http://two.example/debian/"]
        );
        assert!(
            mirrors[0]
                .stanza("sid", "amd64")
                .ends_with("Signed-By: /etc/a.gpg /etc/b.gpg\nTrusted: yes\n")
        );
        assert_eq!(mirrors[1].components, ["main", "universe"]);
    }

    #[test]
    fn the_mirror_of_the_release_comes_first() {
        let text = "\
deb http://vendor.example/apt stable main
deb http://nodes.example/apt nodistro nodes
deb http://one.example/debian-security bookworm-security main
deb http://one.example/debian bookworm main contrib
deb http://one.example/debian bookworm-updates main
";
        let mirrors = promising(lines(text), Some("bookworm"));
        let uris: Vec<&str> = mirrors.iter().map(|it| it.uri.as_str()).collect();
        assert_eq!(
            uris,
            ["http://one.example/debian", "http://vendor.example/apt"]
        );
    }

    #[test]
    fn the_release_is_known_by_its_own_file() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(os_release(text, "ID"), Some("debian"));
        assert_eq!(os_release(text, "VERSION_ID"), Some("12"));
        assert_eq!(os_release(text, "VERSION_CODENAME"), Some("bookworm"));
        assert_eq!(os_release(text, "VARIANT"), None);
    }
}

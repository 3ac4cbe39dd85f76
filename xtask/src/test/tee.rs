//! Running a program whose lines are shown as they come and also looked at.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::command::shown;

/// Runs a command, its two outputs joined in the order in which it wrote them.
pub(crate) fn run(command: &mut Command, look: impl FnMut(&str)) -> Result<ExitStatus> {
    run_into(&mut io::stdout().lock(), command, look)
}

fn run_into(
    out: &mut impl Write,
    command: &mut Command,
    mut look: impl FnMut(&str),
) -> Result<ExitStatus> {
    let (reader, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    // The command holds our copies of the writing end: with them open, the
    // reading would never come to an end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        out.flush()?;
        look(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(child.wait()?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::run_into;

    #[test]
    fn both_outputs_are_seen_in_order() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; printf three; exit 3"]);
        let mut shown = Vec::new();
        let status =
            run_into(&mut shown, &mut command, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(shown, b"one\ntwo\nthree");
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(status.code(), Some(3));
    }
}

//! The pictures, as the programs that draw them read them: Graphviz's `dot`,
//! and the parser of Mermaid.
//!
//! `cargo xtask test` fetches Mermaid where Node is at hand and names its folder
//! in `AWAITGRAPH_TEST_MERMAID`. What a machine lacks is named at the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at its first surprise, and speaks on stdout"
)]

#[path = "../../../awaitgraph-model/tests/render/notation.rs"]
mod notation;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use awaitgraph_model::Graph;
use awaitgraph_model::questions::{Grouping, Mask, Outline};
use awaitgraph_model::render::{dot, mermaid};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

use notation::{graph, written};

/// A graph, with how many nodes, arrows and red arrows a picture of it has, and
/// what its first node says.
struct Picture {
    name: &'static str,
    graph: Graph,
    nodes: usize,
    edges: usize,
    red: usize,
    first: &'static str,
}

fn pictures() -> Vec<Picture> {
    let mut hostile = graph("a in f /app/x.py:1\na -> b\nb waits for lock 0x1 name=x held by a");
    let text = "x\x1b[2J\"]\n\\ --> end; %% {a}|b|(c) \u{202e}\u{85}<b>#quot;`'*_*&amp;";
    hostile.tasks[0].name = text.to_owned();
    hostile.codes[0].function = text.to_owned();
    Arc::make_mut(hostile.tasks[1].waits_for.as_mut().unwrap()).name = Some(text.to_owned());
    let mut many = "main in serve /app/x.py:42\n".to_owned();
    for n in 0..300 {
        writeln!(
            many,
            "main -gather-> worker-{n}\nworker-{n} in work /app/x.py:{}",
            n / 2
        )
        .unwrap();
    }
    vec![
        Picture {
            name: "no_task",
            graph: graph(""),
            nodes: 0,
            edges: 0,
            red: 0,
            first: "",
        },
        Picture {
            name: "a_service",
            graph: graph(
                "main in serve /app/x.py:42
                 main -gather-> worker-1
                 main -gather-> worker-2
                 main -shield-> runs
                 runs is running
                 worker-1 waits for lock 0x10 name=Pool.lock held by runs
                 worker-2 waits for lock 0x10 name=Pool.lock held by runs
                 next is ready",
            ),
            nodes: 4,
            edges: 3,
            red: 0,
            first: "main",
        },
        Picture {
            name: "a_deadlock",
            graph: graph(
                "main -gather-> a
                 main -gather-> b
                 a waits for lock 0x10 held by b
                 b waits for queue 0x20 name=jobs end=put size=1 bound=1 others=a",
            ),
            nodes: 3,
            edges: 4,
            red: 2,
            first: "main",
        },
        Picture {
            name: "names_that_are_more_than_text",
            graph: hostile,
            nodes: 2,
            edges: 2,
            red: 2,
            first: "x",
        },
        Picture {
            name: "a_hundred_and_fifty_pairs",
            graph: graph(&many),
            nodes: 151,
            edges: 150,
            red: 0,
            first: "main",
        },
    ]
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    let mut gaps = Vec::new();
    if Command::new("dot")
        .arg("-V")
        .stderr(Stdio::null())
        .status()
        .is_ok()
    {
        trials.extend(pictures().into_iter().map(|picture| {
            let name = format!("graphviz_draws::{}", picture.name);
            Trial::test(name, move || graphviz(&picture).map_err(Failed::from))
        }));
    } else {
        gaps.push("pictures by Graphviz: there is no dot in PATH");
    }
    let node = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    match (node, std::env::var_os("AWAITGRAPH_TEST_MERMAID")) {
        (Ok(_), Some(folder)) => trials.push(Trial::test("mermaid_reads_every_picture", || {
            parsed_by_mermaid(&PathBuf::from(folder)).map_err(Failed::from)
        })),
        (Ok(_), None) => gaps.push("flowcharts by Mermaid: `cargo xtask test` fetches it"),
        (Err(_), _) => gaps.push("flowcharts by Mermaid: there is no node in PATH"),
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        for gap in gaps {
            println!("not tested: {gap}");
        }
    }
    conclusion.exit();
}

fn outline(picture: &Picture) -> Outline<'_> {
    Outline::new(&picture.graph, Mask::all(&picture.graph), Grouping::Alike)
}

fn graphviz(picture: &Picture) -> Result<(), String> {
    let text = written(|out| dot(&outline(picture), out));
    let mut child = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let drawing = String::from_utf8_lossy(&output.stdout);
    let count = |what: &str| drawing.matches(what).count();
    let red_arrow = "fill=\"none\" stroke=\"red\"";
    let red = drawing
        .split("class=\"edge\"")
        .skip(1)
        .filter(|edge| edge.split("</g>").next().unwrap().contains(red_arrow))
        .count();
    let said = (count("class=\"node\""), count("class=\"edge\""), red);
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success()
        || !complaint.is_empty()
        || said != (picture.nodes, picture.edges, picture.red)
        || !drawing.contains(&format!(">{}", picture.first))
    {
        return Err(format!("{said:?}\n{complaint}\n{text}\n{drawing}"));
    }
    Ok(())
}

fn parsed_by_mermaid(folder: &Path) -> Result<(), String> {
    let charts = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("flowcharts");
    fs::create_dir_all(&charts).map_err(|error| error.to_string())?;
    let pictures = pictures();
    let mut command = Command::new("node");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/pictures/parse.mjs"
        ))
        .arg(folder);
    for picture in &pictures {
        let file = charts.join(picture.name);
        fs::write(&file, written(|out| mermaid(&outline(picture), out))).unwrap();
        command.arg(file);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let said: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for (picture, said) in pictures.iter().zip(&said) {
        let counts = (&said["nodes"], &said["edges"], &said["red"]);
        let expected = (
            json!(picture.nodes),
            json!(picture.edges),
            json!(picture.red),
        );
        let first = said["first"].as_str().unwrap_or_default();
        if counts != (&expected.0, &expected.1, &expected.2) || !first.starts_with(picture.first) {
            return Err(format!(
                "{}: expected {expected:?}, got {said}",
                picture.name
            ));
        }
    }
    if said.len() != pictures.len() || !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} of {}\n{complaint}", said.len(), pictures.len()));
    }
    Ok(())
}

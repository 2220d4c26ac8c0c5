//! The examples of the guide: commands that the program takes, and what it prints for two saved topologies.

use std::path::Path;
use std::process::Command;

/// The guide, and the folder of the topologies that its examples compare.
const PAGE: &str = include_str!("../../../../docs/guide/cli.md");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/saved");

/// Each example: the command, and what the page shows below it, up to the next command.
fn examples() -> Vec<(Vec<String>, String)> {
    let mut found: Vec<(Vec<String>, String)> = Vec::new();
    for block in PAGE.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines() {
            match line.strip_prefix("$ streams ") {
                Some(command) => found.push((words(command), String::new())),
                None => {
                    let shown = &mut found.last_mut().expect("a command comes first").1;
                    shown.push_str(line);
                    shown.push('\n');
                }
            }
        }
    }
    found
}

/// The words of a command line, in which single quotes hold some together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

fn run(arguments: &[String], more: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_streams"))
        .args(arguments)
        .args(more)
        .current_dir(FOLDER)
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_takes_every_command_of_the_guide() {
    let examples = examples();
    assert!(examples.len() > 15, "{}", examples.len());
    for (command, _) in &examples {
        // Whatever is wrong in front of it is refused first.
        let (code, _, wrong) = run(command, &["--help"]);
        assert_eq!(code, Some(0), "streams {}: {wrong}", command.join(" "));
    }
}

#[test]
fn the_program_prints_what_the_guide_shows() {
    let examples = examples();
    let shown: Vec<_> = examples.iter().filter(|(_, shown)| !shown.is_empty()).collect();
    assert!(shown.len() >= 3, "{}", shown.len());
    for (command, shown) in shown {
        let (_, printed, wrong) = run(command, &[]);
        assert_eq!(printed.trim_end(), shown.trim_end(), "streams {}: {wrong}", command.join(" "));
    }
}

#[test]
fn the_guide_names_every_command_and_exit_code() {
    let (_, help, _) = run(&["--help".to_owned()], &[]);
    let commands = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next());
    let commands = commands.expect("a list of commands").lines();
    let names = commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    for name in names {
        assert!(PAGE.contains(&format!("`streams {name}`")), "the guide does not name {name}");
    }
    for code in 0..=4 {
        assert!(PAGE.contains(&format!("| {code} |")), "the guide does not explain exit code {code}");
    }
    assert!(Path::new(FOLDER).join("old.txt").exists());
}

//! The commands as a user runs them: the program itself, on files, on a running application and on a real broker.
#![expect(clippy::panic, reason = "what was seen is shown")]

mod bench;
mod describe;
mod diff;
mod doctor;
mod dump;
mod groups;
mod page;

use std::process::Command;

/// What the program printed, and its exit code.
#[derive(Debug)]
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the program.
pub fn streams(arguments: &[&str]) -> Run {
    let output =
        Command::new(env!("CARGO_BIN_EXE_streams")).args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

impl Run {
    /// The output of a run that ended with this code, as JSON.
    pub fn json(&self, code: i32) -> serde_json::Value {
        assert_eq!(self.code, code, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// One JSON value a line.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        assert_eq!(self.code, 0, "{self:?}");
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(line).collect()
    }
}

/// A file with that text.
pub fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a path").to_owned()
}

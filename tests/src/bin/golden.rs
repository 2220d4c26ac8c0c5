//! `make golden`: writes the golden files of `tests/golden` again from the real Kafka.

use std::process::ExitCode;

use tests::lab::{LabError, golden_files};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("golden: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), LabError> {
    for file in golden_files()? {
        let what = format!("writing {}", file.path.display());
        std::fs::write(&file.path, &file.text).map_err(|source| LabError::Io { what, source })?;
        println!("{}: {} lines", file.path.display(), file.text.lines().count());
    }
    Ok(())
}

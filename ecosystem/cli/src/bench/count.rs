//! An application that counts by key, until it has counted everything.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kstreams::prelude::*;

use super::Arguments;
use crate::error::CliError;

/// Time in which at least one more record has to be counted.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time for the application to end.
const CLOSE: Duration = Duration::from_secs(60);

/// Counts; how long that took from when its tasks ran.
pub(super) fn count(
    arguments: &Arguments,
    id: &str,
    input: &str,
    output: &str,
) -> Result<Duration, CliError> {
    let folder = std::env::temp_dir().join(id);
    let counted = run(arguments, id, input, output, folder.clone());
    // What is in a folder for temporary files need not be deleted.
    let _ = std::fs::remove_dir_all(folder);
    counted
}

#[allow(clippy::disallowed_methods, reason = "it measures, and waits for other threads")]
fn run(
    arguments: &Arguments,
    id: &str,
    input: &str,
    output: &str,
    folder: PathBuf,
) -> Result<Duration, CliError> {
    let config = arguments.connection.config(id)?.with_state_dir(folder);
    let config = config.with("num.stream.threads", i64::from(arguments.threads))?;
    let guarantee = if arguments.at_least_once { "at_least_once" } else { "exactly_once_v2" };
    let config = config.with("processing.guarantee", guarantee)?;
    let builder = StreamsBuilder::new();
    let counts =
        builder.stream::<String, Bytes>(input).group_by_key().count_with(Materialized::named("counts"));
    counts.to_stream().to(output);
    let app = KafkaStreams::new(builder.build_with(&config).map_err(|error| bench(&error))?, config)?;
    app.start()?;
    if !app.wait_for(PATIENCE, |state| state == State::Running) {
        let reasons: Vec<String> = app.reasons().iter().map(ToString::to_string).collect();
        app.close(CLOSE);
        return Err(bench(&format!("it does not run after a minute: {}", reasons.join("; "))));
    }
    let begin = Instant::now();
    let (mut last, mut progress) = (0, Instant::now());
    while last < arguments.records {
        std::thread::sleep(Duration::from_millis(5));
        if let Some(error) = app.error() {
            app.close(CLOSE);
            return Err(bench(&error));
        }
        let done = app.totals().processed_records;
        if done > last {
            (last, progress) = (done, Instant::now());
        } else if progress.elapsed() > PATIENCE {
            app.close(CLOSE);
            return Err(bench(&format!("it has counted {done} records and no more for a minute")));
        }
    }
    let took = begin.elapsed();
    if app.close(CLOSE) { Ok(took) } else { Err(bench(&"it does not end")) }
}

fn bench(why: &dyn std::fmt::Display) -> CliError {
    CliError::Bench(why.to_string())
}

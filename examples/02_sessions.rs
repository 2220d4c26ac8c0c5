//! Which clicks belong to one visit? Those of one user that are at most half an hour apart: a session window.
//!
//! ```text
//! bob: 1 clicks in 0 minutes
//! ann: 2 clicks in 10 minutes
//! ann: 1 clicks in 0 minutes
//! ```
//!
//! A visit is reported once, when no more clicks can belong to it. Eve's is still open.

use std::error::Error;
use std::time::Duration;

use kstreams::prelude::*;

const MINUTE_MS: i64 = 60_000;

fn topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("clicks")
        .group_by_key()
        // A click that is five minutes late still finds its visit.
        .windowed_by(SessionWindows::of_inactivity_gap_and_grace(minutes(30), minutes(5)))
        .count_with(Materialized::named("visits"))
        .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
        .to_stream()
        .map(|visit, clicks| {
            let lasted = (visit.window.end_ms - visit.window.start_ms) / MINUTE_MS;
            (visit.key, format!("{} clicks in {lasted} minutes", clicks.unwrap_or(0)))
        })
        .to("visits");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    let mut clicks = EmbeddedTopic::<String, String>::create(&broker, "clicks", 1)?;
    let mut visits = EmbeddedTopic::<String, String>::create(&broker, "visits", 1)?;
    let app = KafkaStreams::new(topology()?, StreamsConfig::new("visits", "embedded:"))?;
    app.start()?;

    let seen = [("ann", 0), ("bob", 5), ("ann", 10), ("ann", 50), ("eve", 180)];
    clicks.send_all(
        seen.map(|(user, minute)| Record::new(user.to_owned(), "/".to_owned(), minute * MINUTE_MS)),
    )?;
    for visit in visits.read_within(3, Duration::from_secs(30))? {
        println!("{}: {}", visit.key, visit.value);
    }
    app.close(Duration::from_secs(10));
    Ok(())
}

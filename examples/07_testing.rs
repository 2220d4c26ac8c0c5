//! How do I test a topology: time, lateness, a restart? With a driver that runs it in the calling thread. Time advances only
//! when a record or the test says so. `cargo test -p examples --bin 07_testing` runs the tests below; the program prints
//!
//! ```text
//! ann: 1
//! ann: 2
//! ann: 1
//! ```

use std::error::Error;

use kstreams::prelude::*;

/// Counts failed sign-ins per user and minute.
fn topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("failures")
        .group_by_key()
        .windowed_by(TimeWindows::of_size_and_grace(minutes(1), seconds(10)))
        .count_with(Materialized::named("failures-per-minute"))
        .to_stream()
        .map(|window, count| (window.key, count.unwrap_or(0)))
        .to("counts");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let driver = TopologyTestDriver::of(topology()?)?;
    let failures = driver.create_input_topic::<String, String>("failures");
    for at_ms in [0, 59_999, 60_000] {
        failures.pipe("ann".into(), "wrong password".into(), at_ms)?;
    }
    for (user, count) in driver.create_output_topic::<String, i64>("counts").read_key_values()? {
        println!("{user}: {count}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_is_too_late_is_left_out() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let failures = driver.create_input_topic::<String, String>("failures");
        // The first minute is closed when 70 seconds are over.
        for at_ms in [0, 69_999, 1, 70_000, 2] {
            failures.pipe("ann".into(), "wrong password".into(), at_ms).unwrap();
        }
        let counts = driver.create_output_topic::<String, i64>("counts");
        assert_eq!(counts.read_values().unwrap(), [1, 1, 2, 2]);
        assert_eq!(driver.dropped_records(), 1);
    }

    #[test]
    fn counts_outlive_a_restart() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let failures = driver.create_input_topic::<String, String>("failures");
        failures.pipe("ann".into(), "wrong password".into(), 0).unwrap();
        driver.restart().unwrap();
        failures.pipe("ann".into(), "wrong password".into(), 1).unwrap();
        let counts = driver.create_output_topic::<String, i64>("counts");
        assert_eq!(counts.read_values().unwrap(), [1, 2]);
    }
}

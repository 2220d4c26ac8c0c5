//! The values are not JSON: how does the application read them? With a custom serde, made of two closures, as the default of
//! their type. A handler decides about records that do not parse; this one skips them.
//!
//! ```text
//! attic: 31.5 degrees
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use kstreams::prelude::*;
use kstreams::serde::{FnSerde, SerdeError};

/// A temperature in tenths of a degree: two bytes, the higher first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tenths(i16);

impl DefaultSerde for Tenths {
    fn default_serde() -> SerdeRef<Self> {
        let write = |value: &Tenths, out: &mut Vec<u8>| {
            out.extend_from_slice(&value.0.to_be_bytes());
            Ok(())
        };
        let read = |bytes: &[u8]| match bytes.try_into() {
            Ok(two) => Ok(Tenths(i16::from_be_bytes(two))),
            Err(_) => Err(SerdeError::invalid(format!("a temperature has 2 bytes, not {}", bytes.len()))),
        };
        Arc::new(FnSerde::new(write, read))
    }
}

fn topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Tenths>("readings").filter(|_sensor, degrees| degrees.0 > 300).to("hot");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    let mut hot = EmbeddedTopic::<String, Tenths>::create(&broker, "hot", 1)?;
    let mut readings = EmbeddedTopic::<String, Tenths>::create(&broker, "readings", 1)?;
    readings.send_all(
        [("cellar", 110), ("attic", 315)]
            .map(|(sensor, tenths)| Record::new(sensor.to_owned(), Tenths(tenths), 1_700_000_000_000)),
    )?;
    // A mistaken producer writes text to the same topic.
    let mut mistaken = EmbeddedTopic::<String, String>::open(&broker, "readings")?;
    mistaken.send(Record::new("attic".to_owned(), "31.5".to_owned(), 1_700_000_000_000))?;

    let config =
        StreamsConfig::new("hot", "embedded:").with("deserialization.exception.handler", "LogAndContinue")?;
    let app = KafkaStreams::new(topology()?, config)?;
    app.start()?;
    for record in hot.read_within(1, Duration::from_secs(30))? {
        println!("{}: {:.1} degrees", record.key, f64::from(record.value.0) / 10.0);
    }
    app.close(Duration::from_secs(10));
    Ok(())
}

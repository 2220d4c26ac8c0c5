//! An application in a process of its own that copies a topic, slowly:
//! `slow_copy bootstrap app folder in out ms key=value...`. Prints its state and reasons ten times a second; ends when its
//! standard input does.
#![expect(clippy::disallowed_methods, reason = "user code that sleeps, by the clock of the machine")]

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_dsl::prelude::StreamsBuilder;

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    tracing_subscriber::fmt().with_env_filter("warn,rdkafka=off").with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or_else(|| format!("argument {name} is missing"));
    let (bootstrap, app, folder) = (next("bootstrap")?, next("app")?, next("folder")?);
    let (input, output, record_ms) = (next("in")?, next("out")?, next("ms")?.parse()?);
    let mut config = StreamsConfig::new(&app, &bootstrap).with_state_dir(&folder);
    for setting in arguments {
        let (key, value) = setting.split_once('=').ok_or("key=value")?;
        config = config.with(key, value)?;
    }
    let builder = StreamsBuilder::new();
    let slow = move |value: String| {
        std::thread::sleep(Duration::from_millis(record_ms));
        value
    };
    builder.stream::<String, String>(&input).map_values(slow).to(&output);
    let streams = KafkaStreams::new(builder.build()?, config)?;
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    streams.start()?;
    while !ended.load(Ordering::Relaxed) && !streams.state().is_final() {
        println!("{} {} {:?}", streams.state(), streams.metrics().processed_records, streams.reasons());
        std::thread::sleep(Duration::from_millis(100));
    }
    let closed = streams.close(Duration::from_secs(20));
    println!("{} closed={closed} {:?}", streams.state(), streams.error());
    match streams.state() {
        State::NotRunning => Ok(()),
        state => Err(format!("{state}: {:?}", streams.error()).into()),
    }
}

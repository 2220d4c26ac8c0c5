//! Writes an input in the background at a bounded rate, so that whatever happens to an application hits live work.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab::{KafkaClient, LabError, LabProducer, TestRecord};

/// Records between two looks at the clock.
const BATCH: usize = 200;

/// A producer at work in a thread of its own.
#[derive(Debug)]
pub struct Feed {
    thread: JoinHandle<Result<(), LabError>>,
}

impl Feed {
    /// Begins to write `records` in order through one producer, about `per_second` of them.
    pub fn start(
        client: &KafkaClient,
        topic: &str,
        records: impl Iterator<Item = TestRecord> + Send + 'static,
        per_second: u32,
    ) -> Self {
        let (client, topic) = (client.clone(), topic.to_owned());
        Self { thread: std::thread::spawn(move || write(&client, &topic, records, per_second)) }
    }

    /// Whether everything has been written.
    pub fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until everything has been written and acknowledged.
    pub fn finish(self) -> Result<(), LabError> {
        let io = |what: &str| std::io::Error::other(what.to_owned());
        let lost = |_| LabError::io("feeding the input")(io("the thread panicked"));
        self.thread.join().map_err(lost)?
    }
}

fn write(
    client: &KafkaClient,
    topic: &str,
    mut records: impl Iterator<Item = TestRecord>,
    per_second: u32,
) -> Result<(), LabError> {
    let mut config = client.config();
    // Brokers may be away for a while, and the machine may be busy with other things.
    config.set("message.timeout.ms", "600000");
    let producer = LabProducer::create(&mut config)?;
    let begin = Instant::now();
    let mut sent: u32 = 0;
    loop {
        let mut any = false;
        for record in records.by_ref().take(BATCH) {
            producer.send(topic, &record)?;
            sent += 1;
            any = true;
        }
        if !any {
            return producer.flush();
        }
        let due = Duration::from_secs_f64(f64::from(sent) / f64::from(per_second));
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
}

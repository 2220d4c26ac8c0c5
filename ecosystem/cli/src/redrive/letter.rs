//! A dead letter: what its headers say, and the record that it stands for.

use streams_core::processor::dead_letter::headers as names;
use streams_core::record::Headers;
use streams_core::transport::RawRecord;

/// Counts how often a letter's record was written back, in decimal.
pub const COUNT: &str = "__streams.redrive.count";

/// What begins the names of all headers that are about the error.
const ERRORS: &str = "__streams.errors.";

/// A letter's reason, and what its record is.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The record's own headers, and [`COUNT`].
    pub headers: Headers,
    /// The kind of the error.
    pub exception: String,
    /// What the error says.
    pub message: String,
    /// The node that failed.
    pub node: String,
    /// The topic that the record was read from; empty if there was none.
    pub topic: String,
    /// Its partition.
    pub partition: Option<i32>,
    /// How often it was written back before.
    pub count: u32,
    /// What it lacks because the queue did not take it whole, as `value,headers`; empty if it is whole.
    pub lacks: String,
}

impl Letter {
    /// Reads the headers of a letter.
    pub fn of(record: &RawRecord) -> Self {
        let all = record.headers();
        let text = |name: &str| {
            let value = all.last(name).and_then(|header| header.value.clone()).unwrap_or_default();
            String::from_utf8_lossy(&value).into_owned()
        };
        let mut headers = Headers::new();
        for header in all.iter().filter(|header| !header.key.starts_with(ERRORS) && *header.key != *COUNT) {
            headers.add(header.key.clone(), header.value.clone());
        }
        Letter {
            exception: text(names::EXCEPTION),
            message: text(names::MESSAGE),
            node: text(names::NODE),
            topic: text(names::TOPIC),
            partition: text(names::PARTITION).parse().ok().filter(|partition| *partition >= 0),
            count: text(COUNT).parse().unwrap_or(0),
            lacks: text(names::LEFT_OUT),
            headers,
        }
    }
}

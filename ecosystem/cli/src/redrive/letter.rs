//! A dead letter: what its headers say, and the record that it stands for.

use streams_core::ids::Offset;
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
    /// The application that failed; empty in letters of Kafka Streams.
    pub application: String,
    /// The node that failed.
    pub node: String,
    /// The topic that the record was read from; empty if there was none.
    pub topic: String,
    /// Its partition.
    pub partition: Option<i32>,
    /// Its offset.
    pub offset: Option<Offset>,
    /// How often it was written back before; `None` if the header says something else than a number.
    pub count: Option<u32>,
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
        Letter {
            exception: text(names::EXCEPTION),
            message: text(names::MESSAGE),
            application: text(names::APPLICATION),
            node: text(names::NODE),
            topic: text(names::TOPIC),
            partition: text(names::PARTITION).parse().ok().filter(|partition| *partition >= 0),
            offset: text(names::OFFSET).parse().ok().filter(|offset| *offset >= 0),
            count: if all.last(COUNT).is_some() { text(COUNT).parse().ok() } else { Some(0) },
            lacks: text(names::LEFT_OUT),
            headers: own(&all),
        }
    }

    /// Whether the letter is without the record: the queue did not take it, or it had been left behind and could not be read
    /// again.
    pub fn lacks_record(&self, record: &RawRecord) -> bool {
        let has_neither = record.key().is_none() && record.value().is_none();
        has_neither || self.lacks.split(',').any(|part| part == "value")
    }
}

/// Headers without those about errors and redriving.
pub(super) fn own(all: &Headers) -> Headers {
    let mut headers = Headers::new();
    for header in all.iter().filter(|header| !header.key.starts_with(ERRORS) && *header.key != *COUNT) {
        headers.add(header.key.clone(), header.value.clone());
    }
    headers
}

//! Rows of a store on disk: their local form, which differs from that of the changelog.

use serde_json::{Value, json};

use super::keys::KeyForm;
use super::types::{Type, hex};

/// Bytes of a segment, and of a time.
const NUMBER: usize = 8;

/// What begins the key of the row that has a windowed store's observed time; segments begin with a lower byte.
const NOT_A_SEGMENT: u8 = 0xFF;

/// The kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Keys and values with the time of their last update: what the DSL's tables and aggregations are.
    Timestamped,
    /// Keys and plain values.
    KeyValue,
    /// Windows and values with the time of their last update: what the DSL's windowed aggregations are.
    TimestampedWindow,
    /// Windows and plain values: what joins keep.
    Window,
    /// Sessions and plain values.
    Session,
    /// Versions of keys.
    Versioned,
}

impl Kind {
    /// A row, or nothing if it is not an entry of the store.
    pub fn show(self, key_type: Type, value_type: Type, key: &[u8], value: &[u8]) -> Option<Row> {
        let segmented = |form: KeyForm| -> Option<Value> {
            let is_entry = key.first().is_some_and(|first| *first != NOT_A_SEGMENT);
            let key = key.get(NUMBER..).filter(|_| is_entry)?;
            Some(form.show(key_type, key))
        };
        let plain = |key: Value| Row { key, value: value_type.show(value), timestamp: None };
        let timestamped = |key: Value| match value.split_first_chunk::<NUMBER>() {
            Some((time, value)) => {
                Row { key, value: value_type.show(value), timestamp: Some(i64::from_be_bytes(*time)) }
            }
            None => Row {
                key,
                value: json!({"bytes": hex(value), "error": "too short for a timestamp"}),
                timestamp: None,
            },
        };
        match self {
            Kind::KeyValue => Some(plain(key_type.show(key))),
            Kind::Timestamped => Some(timestamped(key_type.show(key))),
            Kind::Window => segmented(KeyForm::Window).map(plain),
            Kind::TimestampedWindow => segmented(KeyForm::Window).map(timestamped),
            Kind::Session => segmented(KeyForm::Session).map(plain),
            Kind::Versioned => versioned(key_type, value_type, key, value),
        }
    }
}

/// Latest versions are behind eight bytes of 0xFF; ended ones in segments, with the time of their end behind the key and a
/// byte before the value that says whether there is one.
fn versioned(key_type: Type, value_type: Type, key: &[u8], value: &[u8]) -> Option<Row> {
    let (segment, rest) = key.split_first_chunk::<NUMBER>()?;
    let (from, value) = value.split_first_chunk::<NUMBER>()?;
    let timestamp = Some(i64::from_be_bytes(*from));
    if *segment == [NOT_A_SEGMENT; NUMBER] {
        return Some(Row { key: key_type.show(rest), value: value_type.show(value), timestamp });
    }
    if segment.first() == Some(&NOT_A_SEGMENT) {
        return None;
    }
    let (key, to) = rest.split_last_chunk::<NUMBER>()?;
    let key = json!({"key": key_type.show(key), "valid_to": i64::from_be_bytes(*to)});
    let value = match value.split_first()? {
        (1, value) => value_type.show(value),
        _ => Value::Null,
    };
    Some(Row { key, value, timestamp })
}

/// An entry of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The key, with its window if it has one.
    pub key: Value,
    /// The value; null for a version that is a deletion.
    pub value: Value,
    /// The time of the last update, where the store keeps it.
    pub timestamp: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn rows_have_the_stores_own_form() {
        let number = |number: i64| number.to_be_bytes();
        let row = |key: Value, timestamp| Some(Row { key, value: json!(7), timestamp });
        let show = |kind: Kind, key: &[u8], value: &[u8]| kind.show(Type::String, Type::Long, key, value);
        assert_eq!(show(Kind::KeyValue, b"k", &number(7)), row(json!("k"), None));
        let stamped = joined(&[&number(99), &number(7)]);
        assert_eq!(show(Kind::Timestamped, b"k", &stamped), row(json!("k"), Some(99)));
        let window = joined(&[&number(1), b"k", &number(60_000), &[0; 4]]);
        let shown = json!({"key": "k", "start": 60_000});
        assert_eq!(show(Kind::Window, &window, &number(7)), row(shown.clone(), None));
        assert_eq!(show(Kind::TimestampedWindow, &window, &stamped), row(shown, Some(99)));
        let session = joined(&[&number(1), b"k", &number(20), &number(10)]);
        let shown = json!({"key": "k", "start": 10, "end": 20});
        assert_eq!(show(Kind::Session, &session, &number(7)), row(shown, None));
        let latest = joined(&[&[0xFF; 8], b"k"]);
        assert_eq!(show(Kind::Versioned, &latest, &stamped), row(json!("k"), Some(99)));
        let past = joined(&[&number(0), b"k", &number(120)]);
        let value = joined(&[&number(99), &[1], &number(7)]);
        assert_eq!(show(Kind::Versioned, &past, &value), row(json!({"key": "k", "valid_to": 120}), Some(99)));
        let deleted = show(Kind::Versioned, &past, &joined(&[&number(99), &[0]])).expect("a version");
        assert_eq!(deleted.value, Value::Null);
    }

    #[test]
    fn what_is_not_an_entry_is_left_out_and_what_is_too_short_is_shown() {
        let observed = b"\xFFobserved-stream-time";
        assert_eq!(Kind::Window.show(Type::String, Type::Long, observed, &[0; 8]), None);
        assert_eq!(Kind::Versioned.show(Type::String, Type::Long, observed, &[0; 8]), None);
        let short = Kind::Timestamped.show(Type::String, Type::Long, b"k", b"x").expect("a row");
        assert_eq!(short.value["error"], json!("too short for a timestamp"));
    }
}

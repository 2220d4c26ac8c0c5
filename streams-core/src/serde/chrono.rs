//! Serdes of `chrono`'s dates and times: text of one length, so that the bytes of keys are in the order of time.

use std::fmt::Display;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;

/// Refuses years that have more than four digits: they would not be in order, and no parser reads them.
fn check_year(value: &(impl Datelike + Display)) -> Result<Payload, SerdeError> {
    match value.year() {
        0..=9_999 => Ok(Payload::Bytes),
        _ => Err(SerdeError::invalid(format!("{value} is outside of the years 0 to 9999"))),
    }
}

/// A serde of a type that is text on topics.
macro_rules! text_serde {
    ($serde:ident, $type:ty, $doc:literal, $name:literal, $write:expr, $read:expr) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $serde;

        impl Serde<$type> for $serde {
            fn serialize(
                &self,
                _topic: &str,
                _headers: &Headers,
                value: &$type,
                out: &mut Vec<u8>,
            ) -> Result<Payload, SerdeError> {
                let write: fn(&$type) -> String = $write;
                check_year(value)?;
                out.extend_from_slice(write(value).as_bytes());
                Ok(Payload::Bytes)
            }

            fn deserialize(
                &self,
                _topic: &str,
                _headers: &Headers,
                bytes: Option<&[u8]>,
            ) -> Result<$type, SerdeError> {
                let read: fn(&str) -> chrono::ParseResult<$type> = $read;
                let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected: $name })?;
                let text = std::str::from_utf8(bytes)
                    .map_err(|error| SerdeError::invalid(format!("not a valid {}: {error}", $name)))?;
                read(text).map_err(|error| SerdeError::invalid(format!("not a valid {}: {error}", $name)))
            }

            fn check(&self, _topic: &str, value: &$type) -> Result<Payload, SerdeError> {
                check_year(value)
            }
        }

        impl DefaultSerde for $type {
            fn default_serde() -> SerdeRef<Self> {
                Arc::new($serde)
            }
        }
    };
}

text_serde! {
    DateTimeSerde, DateTime<Utc>,
    "A moment as RFC 3339 in UTC with nanoseconds: `2024-03-31T01:00:00.000000000Z`. Reads any RFC 3339 text.",
    "RFC 3339 date and time",
    |value| value.to_rfc3339_opts(SecondsFormat::Nanos, true),
    |text| DateTime::parse_from_rfc3339(text).map(|moment| moment.with_timezone(&Utc))
}
text_serde! {
    DateSerde, NaiveDate, "A date as ISO 8601: `2024-03-31`.", "ISO 8601 date",
    |value| value.format("%Y-%m-%d").to_string(),
    |text| NaiveDate::parse_from_str(text, "%Y-%m-%d")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::IntoTimestamp;

    fn bytes<T: DefaultSerde>(value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        let serde = T::default_serde();
        assert_eq!(serde.check("t", value).unwrap(), Payload::Bytes);
        assert_eq!(serde.serialize("t", &Headers::new(), value, &mut out).unwrap(), Payload::Bytes);
        out
    }

    fn read<T: DefaultSerde>(bytes: &[u8]) -> Result<T, SerdeError> {
        T::default_serde().deserialize("t", &Headers::new(), Some(bytes))
    }

    #[test]
    fn keys_are_in_the_order_of_time() {
        let moments: Vec<_> = [0, 1, 999_999_999, 1_000_000_000, 1_711_846_800_000_000_000]
            .map(DateTime::<Utc>::from_timestamp_nanos)
            .into_iter()
            .collect();
        let written: Vec<_> = moments.iter().map(bytes).collect();
        assert!(written.is_sorted() && written.iter().all(|text| text.len() == written[0].len()));
        for (moment, written) in moments.iter().zip(&written) {
            assert_eq!(read::<DateTime<Utc>>(written).unwrap(), *moment);
        }
        assert_eq!(read::<DateTime<Utc>>(b"2024-03-31T03:00:00+02:00").unwrap(), moments[4]);
        let date = NaiveDate::from_ymd_opt(2024, 3, 31).unwrap();
        assert_eq!(bytes(&date), b"2024-03-31");
        assert_eq!(read::<NaiveDate>(b"2024-03-31").unwrap(), date);
    }

    #[test]
    fn what_cannot_be_read_back_is_refused() {
        for year in [-1, 10_000] {
            let date = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let refused = NaiveDate::default_serde().check("t", &date).unwrap_err().to_string();
            assert!(refused.ends_with("is outside of the years 0 to 9999"), "{refused}");
        }
        for text in [&b"2024-02-30"[..], b"yesterday", b"\xff"] {
            let refused = read::<NaiveDate>(text).unwrap_err().to_string();
            assert!(refused.starts_with("not a valid ISO 8601 date: "), "{refused}");
        }
    }

    #[test]
    fn dates_are_event_times() {
        let moment = DateTime::parse_from_rfc3339("2024-03-31T03:00:00.0019+02:00").unwrap();
        assert_eq!(moment.into_timestamp(), 1_711_846_800_001);
        assert_eq!(NaiveDate::from_ymd_opt(1970, 1, 2).unwrap().into_timestamp(), 86_400_000);
    }
}

//! How bytes are shown: the types that `--key` and `--value` name.

use base64::Engine;
use serde_json::Value;

/// A type whose bytes are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Type {
    /// UTF-8.
    String,
    /// Eight bytes, big-endian.
    Long,
    /// Four bytes, big-endian.
    Integer,
    /// Two bytes, big-endian.
    Short,
    /// Eight bytes of IEEE 754.
    Double,
    /// Four bytes of IEEE 754.
    Float,
    /// A byte that is 0 or 1.
    Boolean,
    /// The text of a UUID.
    Uuid,
    /// JSON.
    Json,
    /// Any bytes, as hexadecimal digits.
    Bytes,
    /// Any bytes, as Base64.
    Base64,
}

impl Type {
    /// What the bytes mean, or why they are not of this type.
    pub fn read(self, bytes: &[u8]) -> Result<Value, String> {
        let length = |wanted: usize| format!("{} bytes instead of {wanted}", bytes.len());
        let text = || std::str::from_utf8(bytes).map_err(|error| error.to_string());
        let number = |number: f64| {
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        };
        Ok(match self {
            Type::String | Type::Uuid => text()?.into(),
            Type::Long => i64::from_be_bytes(bytes.try_into().map_err(|_| length(8))?).into(),
            Type::Integer => i32::from_be_bytes(bytes.try_into().map_err(|_| length(4))?).into(),
            Type::Short => i16::from_be_bytes(bytes.try_into().map_err(|_| length(2))?).into(),
            Type::Double => number(f64::from_be_bytes(bytes.try_into().map_err(|_| length(8))?)),
            Type::Float => number(f32::from_be_bytes(bytes.try_into().map_err(|_| length(4))?).into()),
            Type::Boolean => match bytes {
                [0] => false.into(),
                [1] => true.into(),
                _ => return Err("neither a byte 0 nor a byte 1".to_owned()),
            },
            Type::Json => serde_json::from_slice(bytes).map_err(|error| error.to_string())?,
            Type::Bytes => hex(bytes).into(),
            Type::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        })
    }

    /// The same, and for bytes of another type an object that has them, and says why.
    pub fn show(self, bytes: &[u8]) -> Value {
        self.read(bytes).unwrap_or_else(|why| serde_json::json!({"bytes": hex(bytes), "error": why}))
    }
}

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_are_those_of_kafkas_serdes() {
        assert_eq!(Type::String.read("käse".as_bytes()), Ok(json!("käse")));
        assert_eq!(Type::Long.read(&258_i64.to_be_bytes()), Ok(json!(258)));
        assert_eq!(Type::Integer.read(&(-1_i32).to_be_bytes()), Ok(json!(-1)));
        assert_eq!(Type::Short.read(&[1, 0]), Ok(json!(256)));
        assert_eq!(Type::Double.read(&1.5_f64.to_be_bytes()), Ok(json!(1.5)));
        assert_eq!(Type::Double.read(&f64::NAN.to_be_bytes()), Ok(json!("NaN")));
        assert_eq!(Type::Float.read(&0.5_f32.to_be_bytes()), Ok(json!(0.5)));
        assert_eq!(Type::Boolean.read(&[1]), Ok(json!(true)));
        assert_eq!(Type::Json.read(br#"{"a":[1]}"#), Ok(json!({"a": [1]})));
        assert_eq!(Type::Bytes.read(&[0, 255]), Ok(json!("00ff")));
        assert_eq!(Type::Base64.read(&[0, 255]), Ok(json!("AP8=")));
    }

    #[test]
    fn bytes_of_another_type_are_shown_with_the_reason() {
        assert_eq!(Type::Long.show(b"abc"), json!({"bytes": "616263", "error": "3 bytes instead of 8"}));
        for (of, bytes) in [(Type::String, &[0xFF][..]), (Type::Boolean, &[2]), (Type::Json, b"{")] {
            assert!(of.read(bytes).is_err(), "{of:?}");
        }
    }
}

//! The bytes of every serde, and that what is written is read back.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use state_stores::codec::Codec;

use super::*;
use crate::record::Change;
use crate::window::{Window, Windowed};

fn write<T>(serde: &dyn Serde<T>, value: &T) -> Option<Vec<u8>> {
    let mut out = b"before".to_vec();
    let payload = serde.serialize("topic", &Headers::new(), value, &mut out).unwrap();
    assert!(out.starts_with(b"before"), "a serde appends");
    match payload {
        Payload::Null => None,
        Payload::Bytes => Some(out.split_off(6)),
    }
}

fn read<T>(serde: &dyn Serde<T>, bytes: Option<&[u8]>) -> Result<T, String> {
    serde.deserialize("topic", &Headers::new(), bytes).map_err(|error| error.to_string())
}

/// That the value has these bytes and the bytes this value.
fn golden<T: DefaultSerde + PartialEq + Debug>(value: T, bytes: Option<&[u8]>) {
    golden_with(&T::default_serde(), value, bytes);
}

fn golden_with<T: PartialEq + Debug>(serde: &SerdeRef<T>, value: T, bytes: Option<&[u8]>) {
    assert_eq!(write(&**serde, &value).as_deref(), bytes, "{value:?}");
    assert_eq!(read(&**serde, bytes), Ok(value));
}

#[test]
fn numbers_are_big_endian() {
    golden(1_i64, Some(&[0, 0, 0, 0, 0, 0, 0, 1]));
    golden(-2_i64, Some(&[255, 255, 255, 255, 255, 255, 255, 254]));
    golden(-2_i32, Some(&[255, 255, 255, 254]));
    golden(258_i16, Some(&[1, 2]));
    golden(1.5_f64, Some(&[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]));
    golden(1.5_f32, Some(&[0x3f, 0xc0, 0, 0]));
    golden(true, Some(&[1]));
    golden(false, Some(&[0]));
}

#[test]
fn a_double_knows_one_nan_and_a_float_all() {
    let odd = f64::from_bits(0xfff8_0000_0000_0001);
    assert_eq!(write(&DoubleSerde, &odd), Some(vec![0x7f, 0xf8, 0, 0, 0, 0, 0, 0]));
    assert_eq!(write(&FloatSerde, &f32::from_bits(0xffc0_0001)), Some(vec![0xff, 0xc0, 0, 1]));
}

#[test]
fn text_and_bytes_are_themselves() {
    golden("grün".to_owned(), Some("grün".as_bytes()));
    golden::<Arc<str>>("grün".into(), Some("grün".as_bytes()));
    golden(String::new(), Some(b""));
    golden(vec![1_u8, 2], Some(&[1, 2]));
    golden(Bytes::from_static(&[1, 2]), Some(&[1, 2]));
    golden((), None);
}

#[test]
fn null_is_a_value_of_options_only() {
    golden(None::<i64>, None);
    golden(Some(1_i16), Some(&[0, 1]));
    golden(Some(String::new()), Some(b""));
    let error = read(&LongSerde, None).unwrap_err();
    assert_eq!(error, "null is not of type i64; read the topic as Option<i64> to see nulls");
    assert!(read::<String>(&StringSerde, None).is_err());
    assert!(read::<Vec<u8>>(&ByteArraySerde, None).is_err());
}

#[test]
fn wrong_bytes_say_what_is_wrong() {
    assert_eq!(read(&LongSerde, Some(b"abc")).unwrap_err(), "i64 is 8 bytes on a topic, but these are 3");
    assert_eq!(read(&IntegerSerde, Some(b"")).unwrap_err(), "i32 is 4 bytes on a topic, but these are 0");
    assert_eq!(read(&BooleanSerde, Some(&[2])).unwrap_err(), "bool is the byte 0 or 1, but this is 2");
    assert_eq!(read(&VoidSerde, Some(b"x")).unwrap_err(), "() is null on a topic, but these are 1 bytes");
    let error = read::<String>(&StringSerde, Some(&[0x61, 0xff])).unwrap_err();
    assert!(error.starts_with("String is UTF-8 on a topic, but here: invalid utf-8 sequence"), "{error}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Payment {
    account: String,
    cents: i64,
}

/// What is nested deeper than JSON is read is refused by writers and stores alike, with the same words.
#[test]
fn json_is_not_written_deeper_than_it_is_read() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Comment {
        replies: Vec<Comment>,
    }
    let nested = |times: usize| {
        let comment = |replies| Comment { replies };
        Json((0..times).fold(comment(vec![]), |inner, _| comment(vec![inner])))
    };
    let serde = Json::<Comment>::default_serde();
    // An object and an array each, and the innermost two.
    let deepest = nested(62);
    let written = write(&*serde, &deepest);
    assert_eq!(read(&*serde, written.as_deref()), Ok(deepest));
    let (deeper, mut out) = (nested(63), Vec::new());
    let refused = serde.serialize("t", &Headers::new(), &deeper, &mut out).unwrap_err().to_string();
    assert!(
        refused.contains("replies.0.replies.0.replies.0.replies.0... is nested deeper than 127"),
        "{refused}"
    );
    assert_eq!(serde.check("t", &deeper).unwrap_err().to_string(), refused);
}

#[test]
fn json_is_transparent() {
    let payment = Json(Payment { account: "a".to_owned(), cents: 5 });
    assert_eq!(payment.cents, 5);
    golden(payment, Some(br#"{"account":"a","cents":5}"#));
    let error = read(&*Json::<Payment>::default_serde(), Some(b"{}")).unwrap_err();
    assert!(error.contains("Payment") && error.contains("missing field `account`"), "{error}");
    assert_eq!(write(&JsonSerde::new(), &vec![1, 2]), Some(b"[1,2]".to_vec()));
}

fn key(start_ms: i64, end_ms: i64) -> Windowed<String> {
    Windowed::new("k".to_owned(), Window::new(start_ms, end_ms))
}

#[test]
fn a_time_windowed_key_ends_in_its_start() {
    let sized: SerdeRef<Windowed<String>> =
        Arc::new(TimeWindowedSerde::new(String::default_serde(), Duration::from_millis(10)));
    golden_with(&sized, key(258, 268), Some(&[b'k', 0, 0, 0, 0, 0, 0, 1, 2]));
    golden(key(258, i64::MAX), Some(&[b'k', 0, 0, 0, 0, 0, 0, 1, 2]));
    assert_eq!(sized.partitioning_suffix_bytes(), 8);
    assert_eq!(Option::<Windowed<String>>::default_serde().partitioning_suffix_bytes(), 8);
    let late = Window::of_size(i64::MAX - 2, 10);
    golden_with(&sized, Windowed::new(String::new(), late), Some(&[0x7f, 255, 255, 255, 255, 255, 255, 253]));
}

#[test]
fn a_session_key_ends_in_its_end_and_start() {
    let serde: SerdeRef<Windowed<String>> = Arc::new(SessionWindowedSerde::new(String::default_serde()));
    golden_with(&serde, key(1, 258), Some(&[b'k', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1]));
    assert_eq!(serde.partitioning_suffix_bytes(), 16);
}

#[test]
fn a_broken_windowed_key_is_an_error() {
    let time = Windowed::<String>::default_serde();
    let session: SerdeRef<Windowed<String>> = Arc::new(SessionWindowedSerde::new(String::default_serde()));
    assert_eq!(
        read(&*time, Some(b"short")).unwrap_err(),
        "a windowed key ends in 8 bytes of window, but these are 5 bytes in all"
    );
    assert!(read(&*time, Some(&[255; 8])).unwrap_err().starts_with("no window lasts from -1 to"));
    // The end comes first; a start after it does not make a session.
    let bytes = [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 2]].concat();
    assert!(read(&*session, Some(&bytes)).unwrap_err().starts_with("no window lasts from 2 to 1"));
    // Java reads empty bytes as a null key.
    assert_eq!(read(&*Option::<Windowed<String>>::default_serde(), Some(b"")), Ok(None));
    let null = Windowed::new(None::<i64>, Window::new(0, 1));
    let mut out = Vec::new();
    let null_key = Windowed::default_serde().serialize("t", &Headers::new(), &null, &mut out);
    assert!(null_key.unwrap_err().to_string().contains("cannot be null"));
}

fn change(new: Option<&str>, old: Option<&str>) -> Change<String> {
    Change::new(new.map(str::to_owned), old.map(str::to_owned))
}

#[test]
fn a_change_ends_in_its_flag() {
    golden(change(None, Some("x")), Some(&[b'x', 0]));
    golden(change(Some("y"), None), Some(&[b'y', 1]));
    golden(change(Some("y"), Some("x")), Some(&[2, b'y', b'x', 2]));
    golden(change(Some(""), Some("")), Some(&[0, 2]));
    let long = "l".repeat(100);
    let bytes = [&[0xc8, 0x01][..], long.as_bytes(), &[b'x', 2]].concat();
    golden(change(Some(&long), Some("x")), Some(&bytes));
}

#[test]
fn a_change_of_a_versioned_table_is_read() {
    let serde = Change::<String>::default_serde();
    let not_latest = |new, old| Change { is_latest: false, ..change(new, old) };
    assert_eq!(read(&*serde, Some(&[b'x', 1, 3])), Ok(change(None, Some("x"))));
    assert_eq!(read(&*serde, Some(&[b'y', 0, 4])), Ok(not_latest(Some("y"), None)));
    assert_eq!(read(&*serde, Some(&[2, b'y', b'x', 0, 5])), Ok(not_latest(Some("y"), Some("x"))));
}

#[test]
fn a_broken_change_is_an_error() {
    let serde = Change::<String>::default_serde();
    for (bytes, message) in [
        (&[][..], "a change has at least one byte"),
        (&[1, 6][..], "a change ends in a byte of 0 to 5, this is 6"),
        (&[3][..], "a change with the flag 3 is longer than this"),
        (&[9, 4][..], "the latest-version mark is 0 or 1, this is 9"),
        (&[20, b'x', 2][..], "a change with the flag 2 is longer than this"),
        (&[1, b'x', 2][..], "a change with the flag 2 is longer than this"),
        (&[255, 255, 255, 255, 255, 1, 2][..], "a change with the flag 2 is longer than this"),
    ] {
        assert_eq!(read(&*serde, Some(bytes)).unwrap_err(), message, "{bytes:?}");
    }
    let nothing = serde.serialize("t", &Headers::new(), &change(None, None), &mut Vec::new());
    assert_eq!(nothing.unwrap_err().to_string(), "a change has neither an old nor a new value");
}

#[test]
fn a_store_names_its_changelog_in_errors() {
    let codec = StoreCodec::new(Option::<i64>::default_serde(), "app-store-changelog");
    let mut out = Vec::new();
    codec.encode(&Some(1), &mut out).unwrap();
    assert_eq!(codec.decode(&out).unwrap(), Some(1));
    let null = codec.encode(&None, &mut out).unwrap_err().to_string();
    assert!(null.contains("null") && null.contains("app-store-changelog"), "{null}");
    let unput = codec.check(&None).unwrap_err().to_string();
    assert_eq!(unput, null, "it is refused where it is put");
    assert!(codec.checks() && codec.check(&Some(1)).is_ok());
    assert!(!StoreCodec::new(i64::default_serde(), "t").checks(), "numbers need no look");
    let short = codec.decode(b"x").unwrap_err().to_string();
    assert!(short.contains("app-store-changelog") && short.contains("8 bytes"), "{short}");
}

fn round_trip<T: DefaultSerde + PartialEq + Debug>(value: T) {
    let serde = T::default_serde();
    let bytes = write(&*serde, &value);
    assert_eq!(read(&*serde, bytes.as_deref()), Ok(value));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        long: i64, int: i32, short: i16, flag: bool, text: String, bytes: Vec<u8>,
        double in proptest::num::f64::ANY.prop_filter("NaN equals nothing", |f| !f.is_nan()),
        start_ms in 0..i64::MAX, sides: (Option<String>, String), swap: bool,
    ) {
        round_trip(long);
        round_trip(int);
        round_trip(short);
        round_trip(flag);
        round_trip(double);
        round_trip(bytes);
        round_trip(Some(text.clone()));
        round_trip(Json((text.clone(), long)));
        round_trip(Windowed::new(text, Window::new(start_ms, i64::MAX)));
        let (some, always) = (sides.0, Some(sides.1));
        round_trip(if swap { Change::new(some, always) } else { Change::new(always, some) });
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = read(&*Change::<String>::default_serde(), Some(&bytes));
        let _ = read(&*Windowed::<String>::default_serde(), Some(&bytes));
        let _ = read(&SessionWindowedSerde::new(i64::default_serde()), Some(&bytes));
        let _ = TopicPartitionMetadata::decode(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn offset_metadata_is_read_back(partition_time: i64, entries: std::collections::BTreeMap<String, i64>) {
        let metadata = TopicPartitionMetadata { partition_time, processor_metadata: entries };
        prop_assert_eq!(TopicPartitionMetadata::decode(&metadata.encode()), metadata);
    }
}

//! Keys with windows: what follows the record's key in changelogs, on topics and in stores.

use serde_json::{Value, json};
use state_stores::schema::{session_key, window_key};

use super::types::{Type, hex};

/// What keys are besides the record's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyForm {
    /// The record's key alone.
    #[default]
    Plain,
    /// Of a window store's changelog: the window's start and a sequence number.
    Window,
    /// Of windowed keys on topics of results: the window's start.
    TopicWindow,
    /// Of sessions, on topics and in changelogs: end and start.
    Session,
}

impl KeyForm {
    /// The key with its window, if it has one.
    pub fn show(self, of: Type, key: &[u8]) -> Value {
        let shown = match self {
            KeyForm::Plain => Some(of.show(key)),
            KeyForm::Window => window_key::decode(key).map(|(key, start, seqnum)| match seqnum {
                0 => json!({"key": of.show(key), "start": start}),
                seqnum => json!({"key": of.show(key), "start": start, "sequence": seqnum}),
            }),
            KeyForm::TopicWindow => {
                window_key::decode_topic(key).map(|(key, start)| json!({"key": of.show(key), "start": start}))
            }
            KeyForm::Session => session_key::decode(key)
                .map(|(key, start, end)| json!({"key": of.show(key), "start": start, "end": end})),
        };
        shown.unwrap_or_else(|| json!({"bytes": hex(key), "error": "too short for a window"}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_key() {
        let (mut window, mut topic, mut session) = (Vec::new(), Vec::new(), Vec::new());
        window_key::encode(b"k", 60_000, 0, &mut window);
        window_key::encode_topic(b"k", 60_000, &mut topic);
        session_key::encode(b"k", 10, 20, &mut session);
        let show = |form: KeyForm, key: &[u8]| form.show(Type::String, key);
        assert_eq!(show(KeyForm::Plain, b"k"), json!("k"));
        assert_eq!(show(KeyForm::Window, &window), json!({"key": "k", "start": 60_000}));
        assert_eq!(show(KeyForm::TopicWindow, &topic), json!({"key": "k", "start": 60_000}));
        assert_eq!(show(KeyForm::Session, &session), json!({"key": "k", "start": 10, "end": 20}));
        assert_eq!(show(KeyForm::Session, b"k"), json!({"bytes": "6b", "error": "too short for a window"}));
        window.clear();
        window_key::encode(b"k", 60_000, 2, &mut window);
        assert_eq!(show(KeyForm::Window, &window), json!({"key": "k", "start": 60_000, "sequence": 2}));
    }
}

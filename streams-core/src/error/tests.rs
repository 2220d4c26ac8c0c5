//! Causes are printed once; variants are matched; there are two ways of recovery.

use super::*;

/// An error that leaves its cause to its source, as most do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Step(&'static str, #[source] Option<Box<Step>>);

fn failed() -> UserError {
    Box::new(Step("cannot read the price", Some(Box::new(Step("no number", None)))))
}

/// What a program prints that prints an error with its sources.
fn printed(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn each_cause_is_printed_once_and_none_is_left_out() {
    let task = TaskId::new(0, 1);
    let transport = || TransportError::new(TransportErrorKind::Denied, "fetch of a-0", "no right");
    let store = || StoreError::Log { store: "s".to_owned(), cause: failed() };
    let errors = [
        Error::User(failed()),
        Error::Supplier { node: "n".into(), task, cause: failed() },
        Error::Processing { node: "n".into(), task, at: None, cause: failed() },
        Error::InvalidTimestamp {
            partition: TopicPartition::new("a", 0),
            offset: 3,
            timestamp: -1,
            cause: failed(),
        },
        Error::Store { task, cause: store() },
        Error::State(store()),
        Error::Ended(Arc::new(Error::User(failed()))),
    ];
    for error in errors {
        let text = printed(&error);
        for cause in ["cannot read the price", "no number"] {
            assert_eq!(text.matches(cause).count(), 1, "{text}");
        }
        assert_eq!(format!("{error:?}"), error.to_string());
    }
    let waited = |cause| Error::NoCommit {
        thread: "t".to_owned(),
        waited: Duration::from_millis(1),
        cause: Box::new(cause),
    };
    assert_eq!(printed(&waited(transport().into())).matches("no right").count(), 1);
}

#[test]
fn what_a_topology_is_refused_for_can_be_matched() {
    let error = Error::from(TopologyError::NotGlobal("s".into()));
    assert!(matches!(&error, Error::Topology(TopologyError::NotGlobal(store)) if &**store == "s"));
    let text =
        "Invalid topology: store s cannot be global: a global store is a key-value store. Use one of those.";
    assert_eq!(printed(&error), text);
}

#[test]
fn where_a_record_was_read_is_matched_and_printed_as_before() {
    let at = Some((TopicPartition::new("in", 2), 7));
    let failed_at = |at| Error::Processing { node: "n".into(), task: TaskId::new(0, 2), at, cause: failed() };
    let error = failed_at(at);
    assert!(
        matches!(&error, Error::Processing { at: Some((partition, 7)), .. } if partition.partition == 2),
        "{error}"
    );
    assert!(
        error.to_string().starts_with("node n of task 0_2 failed on the record at in-2 offset 7: "),
        "{error}"
    );
    let text = failed_at(None).to_string();
    assert!(text.starts_with("node n of task 0_2 failed on the record at (punctuation): "), "{text}");
}

#[test]
fn what_main_prints_of_any_public_error_is_its_text() {
    let production = ProductionError {
        task: TaskId::new(0, 0),
        node: "sink".into(),
        produced: ProducedFor::Result,
        topic: "out".into(),
        partition: 0,
        source: None,
        key: "null".to_owned(),
        key_bytes: 0,
        value_bytes: None,
        timestamp: None,
        cause: TransportError::new(TransportErrorKind::UnknownTopic, "use", "no such topic"),
    };
    let errors: [Box<dyn std::error::Error>; 3] = [
        Box::new(production),
        Box::new(UserPanic { message: "out of ideas".to_owned() }),
        Box::new(state_stores::CodecError::new("no number")),
    ];
    for error in errors {
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}

#[test]
fn there_are_two_ways_to_go_on() {
    let error = |kind| Error::from(TransportError::new(kind, "send", "why"));
    for kind in [TransportErrorKind::Retriable, TransportErrorKind::Fenced, TransportErrorKind::Fatal] {
        assert_eq!(error(kind).recovery(), Recovery::Repair, "{kind:?}");
    }
    for kind in [TransportErrorKind::Denied, TransportErrorKind::Refused, TransportErrorKind::Config] {
        assert_eq!(error(kind).recovery(), Recovery::Stop, "{kind:?}");
    }
}

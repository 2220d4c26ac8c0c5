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
        Error::Supplier { node: "n".to_owned(), task, cause: failed() },
        Error::Processing { node: "n".to_owned(), task, at: None, cause: failed() },
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
    let waited = |cause| Error::NoCommit { thread: "t".to_owned(), waited_ms: 1, cause: Box::new(cause) };
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
fn there_are_two_ways_to_go_on() {
    let error = |kind| Error::from(TransportError::new(kind, "send", "why"));
    for kind in [TransportErrorKind::Retriable, TransportErrorKind::Fenced, TransportErrorKind::Fatal] {
        assert_eq!(error(kind).recovery(), Recovery::Repair, "{kind:?}");
    }
    for kind in [TransportErrorKind::Denied, TransportErrorKind::Refused, TransportErrorKind::Config] {
        assert_eq!(error(kind).recovery(), Recovery::Stop, "{kind:?}");
    }
}

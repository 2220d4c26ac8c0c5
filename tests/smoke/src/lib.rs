//! Kafka Streams' own smoke tests as judges of this library: their generators and verifiers run as they are, the
//! application between them is ours (`make smoke`, docs/guide/testing.md).
#![expect(clippy::disallowed_methods, reason = "it waits for other processes, by the clock of the machine")]

mod campaign;
mod checker;
mod comments;
mod relational;
mod streams;

pub use campaign::{Campaign, Fault, Run};
pub use checker::{Checker, Judge};
pub use comments::{Article, AugmentedArticle, AugmentedComment, Comment};
pub use relational::relational_topology;
pub use streams::streams_topology;

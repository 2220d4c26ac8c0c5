//! How a stream is grouped (`org.apache.kafka.streams.kstream.Grouped`).

use super::common::{OnePair, Options};

/// How a stream or table is grouped: serdes for the repartition topic, if one is needed
/// (`org.apache.kafka.streams.kstream.Grouped`). The name is that of the topic, `<application.id>-<name>-repartition`, and
/// of the node that selects the key.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let words = builder.stream::<String, String>("words");
/// words.group_by_with(|_, word| word.clone(), Grouped::named("by-word")).count();
/// assert!(builder.build()?.describe().to_string().contains("(topics: [by-word-repartition])"));
/// # Ok::<(), DslError>(())
/// ```
pub type Grouped<K, V> = Options<K, V, Grouping>;

/// What [`Grouped`] has besides serdes and a name: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grouping;

impl OnePair for Grouping {}

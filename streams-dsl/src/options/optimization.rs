//! Which rewritings of the plan are allowed (`topology.optimization`).

use crate::error::{DslError, Result};

/// The optimizations of `topology.optimization`; all off by default, as in Kafka Streams.
///
/// ```
/// use streams_dsl::options::Optimization;
///
/// assert_eq!(Optimization::parse("none")?, Optimization::NONE);
/// assert_eq!(Optimization::parse("all")?, Optimization::ALL);
/// assert!(Optimization::parse("reuse.ktable.source.topics")?.reuse_ktable_source_topics);
/// assert!(Optimization::parse("more").is_err());
/// # Ok::<(), streams_dsl::DslError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Optimization {
    /// `reuse.ktable.source.topics`: the store of a source table has no changelog but is restored from the table's topic.
    pub reuse_ktable_source_topics: bool,
    /// `merge.repartition.topics`: repartitions below one key-changing operator become one.
    pub merge_repartition_topics: bool,
    /// `single.store.self.join`: a stream joined with itself keeps one store.
    pub single_store_self_join: bool,
}

impl Optimization {
    /// `none`.
    pub const NONE: Self = Optimization {
        reuse_ktable_source_topics: false,
        merge_repartition_topics: false,
        single_store_self_join: false,
    };

    /// `all`.
    pub const ALL: Self = Optimization {
        reuse_ktable_source_topics: true,
        merge_repartition_topics: true,
        single_store_self_join: true,
    };

    /// The value of `topology.optimization`: `none`, `all`, or a comma-separated list of optimizations.
    pub fn parse(setting: &str) -> Result<Self> {
        let mut optimization = Optimization::NONE;
        let names: Vec<&str> = setting.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        for name in &names {
            match *name {
                "none" if names.len() == 1 => {}
                "all" if names.len() == 1 => optimization = Optimization::ALL,
                "reuse.ktable.source.topics" => optimization.reuse_ktable_source_topics = true,
                "merge.repartition.topics" => optimization.merge_repartition_topics = true,
                "single.store.self.join" => optimization.single_store_self_join = true,
                other => {
                    return Err(DslError::Option {
                        operator: "topology.optimization".to_owned(),
                        reason: format!(
                            "'{other}' is not an optimization here; use 'none' or 'all' alone, or a list of \
                             reuse.ktable.source.topics, merge.repartition.topics, single.store.self.join"
                        ),
                    });
                }
            }
        }
        Ok(optimization)
    }
}

//! Reads the transcripts of Java in `testdata/`, for tests; its README says how they came to be.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

use state_stores::{BackendRef, RestoreFormat};

use super::{
    ChangelogKind, InternalTopicDef, NodeName, ResolveSettings, SinkTarget, SourceDef, StoreDef,
    TopologyError, TopologyGraph,
};
use crate::error::{Error, Result as CoreResult};
use crate::ids::TopicName;
use crate::processor::{EdgeType, NodeFactory, NodeInstance, Wiring};
use crate::store::{Declaration, OpenedStore, StoreEnvironment, StoreFactory, StorePlace};

/// A topology that is never run, so that its nodes need no code and its stores no types.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawing(TopologyGraph);

impl Deref for Drawing {
    type Target = TopologyGraph;

    fn deref(&self) -> &TopologyGraph {
        &self.0
    }
}

impl DerefMut for Drawing {
    fn deref_mut(&mut self) -> &mut TopologyGraph {
        &mut self.0
    }
}

impl Drawing {
    pub(super) fn add_source(
        &mut self,
        name: impl Into<NodeName>,
        def: SourceDef,
    ) -> Result<(), TopologyError> {
        self.0.add_source(name, def, Arc::new(NoCode))
    }

    pub(super) fn add_processor(
        &mut self,
        name: impl Into<NodeName>,
        parents: &[&str],
    ) -> Result<(), TopologyError> {
        self.0.add_processor(name, Arc::new(NoCode), parents)
    }

    pub(super) fn add_sink(
        &mut self,
        name: impl Into<NodeName>,
        target: SinkTarget,
        parents: &[&str],
    ) -> Result<(), TopologyError> {
        self.0.add_sink(name, target, Arc::new(NoCode), parents)
    }

    pub(super) fn add_state_store(&mut self, def: StoreDef, nodes: &[&str]) -> Result<(), TopologyError> {
        self.0.add_state_store(Arc::new(def), nodes)
    }

    pub(super) fn add_global_store(
        &mut self,
        store: StoreDef,
        source: &str,
        topic: impl Into<TopicName>,
        processor: &str,
    ) -> Result<(), TopologyError> {
        let (source, processor) = ((source, Arc::new(NoCode) as _), (processor, Arc::new(NoCode) as _));
        self.0.add_global_store(Arc::new(store), topic, source, processor)
    }
}

struct NoCode;

impl NodeFactory for NoCode {
    fn input(&self) -> Option<EdgeType> {
        None
    }

    fn output(&self) -> Option<EdgeType> {
        None
    }

    fn build(&self, _: Wiring) -> CoreResult<NodeInstance> {
        Err(Error::Internal("a drawing has no code".to_owned()))
    }
}

/// A store without types. Two are the same if they are equal.
impl StoreFactory for StoreDef {
    fn definition(&self) -> StoreDef {
        self.clone()
    }

    fn declaration(&self) -> Declaration {
        static ALL: LazyLock<Declaration> = LazyLock::new(Declaration::new);
        *ALL
    }

    fn place(&self) -> StorePlace {
        StorePlace::Memory
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::KeyValue
    }

    fn open(&self, _: &StoreEnvironment) -> CoreResult<OpenedStore> {
        Err(Error::Internal("a drawing has no rows".to_owned()))
    }

    fn open_reader(&self, _: &BackendRef) -> CoreResult<Box<dyn Any>> {
        Err(Error::Internal("a drawing has no rows".to_owned()))
    }
}

/// One graph with what Java printed for it.
pub(super) struct Case {
    pub(super) title: &'static str,
    pub(super) calls: Vec<Vec<&'static str>>,
    pub(super) printed: String,
}

/// What the calls of a case build.
pub(super) struct Built {
    pub(super) graph: Drawing,
    pub(super) settings: ResolveSettings,
    pub(super) existing: BTreeMap<String, i32>,
}

const CALLS: [&str; 14] = [
    "source",
    "processor",
    "sink",
    "dynamic",
    "store",
    "connect",
    "global",
    "internal",
    "copartition",
    "changelog",
    "exists",
    "config",
    "resolve",
    "validate",
];

/// The cases of a transcript.
pub(super) fn cases(transcript: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in transcript.lines() {
        if let Some(title) = line.strip_prefix("= ") {
            cases.push(Case { title, calls: Vec::new(), printed: String::new() });
            continue;
        }
        let case = cases.last_mut().expect("a transcript starts with a title");
        let words: Vec<&str> = line.split(' ').collect();
        if case.printed.is_empty() && CALLS.contains(&words[0]) {
            case.calls.push(words);
        } else if line != "." {
            case.printed.push_str(line);
            case.printed.push('\n');
        }
    }
    cases
}

impl Case {
    /// Makes the calls, up to the first that is refused.
    pub(super) fn build(&self) -> Result<Built, TopologyError> {
        let mut built = Built {
            graph: Drawing::default(),
            settings: ResolveSettings::new("app"),
            existing: BTreeMap::new(),
        };
        for call in &self.calls {
            built.call(call)?;
        }
        Ok(built)
    }
}

impl Built {
    fn call(&mut self, words: &[&str]) -> Result<(), TopologyError> {
        let graph = &mut self.graph;
        match *words {
            ["source", name, ref topics @ ..] => {
                graph.add_source(name, SourceDef::topics(topics.iter().copied()))
            }
            ["processor", name, ref parents @ ..] => graph.add_processor(name, parents),
            ["sink", name, topic, ref parents @ ..] => {
                graph.add_sink(name, SinkTarget::Topic(topic.into()), parents)
            }
            ["dynamic", name, extractor, ref parents @ ..] => {
                graph.add_sink(name, SinkTarget::Dynamic(extractor.to_owned()), parents)
            }
            ["store", name, kind, ref processors @ ..] => {
                graph.add_state_store(store(name, kind), processors)
            }
            ["connect", processor, ref stores @ ..] => {
                graph.connect_processor_and_state_stores(processor, stores)
            }
            ["global", name, source, topic, processor] => {
                graph.add_global_store(store(name, "kv"), source, topic, processor)
            }
            ["internal", name] => graph.add_internal_topic(name, InternalTopicDef::default()),
            ["internal", name, partitions] => {
                graph.add_internal_topic(name, InternalTopicDef { partitions: partitions.parse().ok() })
            }
            ["copartition", ref sources @ ..] => {
                graph.copartition(sources);
                Ok(())
            }
            ["changelog", store, topic] => graph.connect_source_store_and_topic(store, topic),
            ["validate"] => graph.validate(),
            ["resolve"] => Ok(()),
            ["exists", topic, partitions] => {
                self.existing.insert(topic.to_owned(), partitions.parse().expect("a number"));
                Ok(())
            }
            ["config", key, value] => {
                match key.strip_prefix("topic.") {
                    Some(key) => {
                        self.settings.topic_configs.insert(key.to_owned(), value.to_owned());
                    }
                    None => {
                        self.settings.window_changelog_additional_retention_ms =
                            value.parse().expect("a number");
                    }
                }
                Ok(())
            }
            _ => panic!("unknown call {words:?}"),
        }
    }
}

/// A store of a kind written as `[!]kind[:milliseconds][;setting=value]...`, where `!` means not logged.
fn store(name: &str, kind: &str) -> StoreDef {
    let mut parts = kind.split(';');
    let kind = parts.next().expect("a kind");
    let (logged, kind) = (!kind.starts_with('!'), kind.trim_start_matches('!'));
    let (kind, ms) = kind.split_once(':').unwrap_or((kind, "0"));
    let ms = ms.parse().expect("a number");
    let changelog = match kind {
        "kv" => ChangelogKind::KeyValue,
        "window" => ChangelogKind::Window { retention_ms: ms },
        "join" => ChangelogKind::JoinWindow { retention_ms: ms },
        "versioned" => ChangelogKind::Versioned { history_retention_ms: ms },
        _ => panic!("unknown kind {kind}"),
    };
    let settings = parts.map(|part| part.split_once('=').expect("setting=value"));
    let log_configs = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    StoreDef { name: name.into(), logged, changelog, log_configs }
}

//! A topology as JSON, with the words of `Topology::describe`.

use serde_json::{Map, Value, json};
use streams_core::topology::{
    DescribedGlobalStore, DescribedKind, DescribedNode, DescribedSubtopology, SinkTarget, TopicPattern,
    TopologyDescription,
};

type Names = Vec<std::sync::Arc<str>>;

/// A topology for programs.
pub fn to_json(topology: &TopologyDescription) -> Value {
    let subtopologies = topology.subtopologies.iter().map(|subtopology| {
        let nodes: Vec<Value> = subtopology.nodes.iter().map(node_to_json).collect();
        json!({"id": subtopology.id, "nodes": nodes})
    });
    let global_stores = topology.global_stores.iter().map(|global| {
        json!({
            "id": global.id, "source": node_to_json(&global.source), "processor": node_to_json(&global.processor)
        })
    });
    json!({
        "subtopologies": subtopologies.collect::<Vec<_>>(), "global_stores": global_stores.collect::<Vec<_>>()
    })
}

fn node_to_json(node: &DescribedNode) -> Value {
    let list = |names: &[std::sync::Arc<str>]| -> Value { names.iter().map(|name| &**name).collect() };
    let mut object = Map::from_iter([
        ("name".to_owned(), Value::from(&*node.name)),
        ("predecessors".to_owned(), list(&node.predecessors)),
        ("successors".to_owned(), list(&node.successors)),
    ]);
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    match &node.kind {
        DescribedKind::Source { topics, pattern } => {
            put("type", "source".into());
            match pattern {
                Some(pattern) => put("pattern", pattern.as_str().into()),
                None => put("topics", list(topics)),
            };
        }
        DescribedKind::Processor { stores } => {
            put("type", "processor".into());
            put("stores", list(stores));
        }
        DescribedKind::Sink(target) => {
            put("type", "sink".into());
            match target {
                SinkTarget::Topic(topic) => put("topic", (&**topic).into()),
                SinkTarget::Dynamic(extractor) => put("extractor", extractor.as_str().into()),
            };
        }
    }
    Value::Object(object)
}

/// Reads what [`to_json`] writes.
pub fn from_json(text: &str) -> Result<TopologyDescription, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let subtopologies = array(&value, "subtopologies")?.iter().map(|subtopology| {
        let nodes: Result<_, String> = array(subtopology, "nodes")?.iter().map(node_of).collect();
        Ok(DescribedSubtopology { id: id_of(subtopology)?, nodes: nodes? })
    });
    let global_stores = array(&value, "global_stores")?.iter().map(|global| {
        let node = |name: &str| node_of(global.get(name).ok_or_else(|| missing(name))?);
        Ok(DescribedGlobalStore {
            id: id_of(global)?,
            source: node("source")?,
            processor: node("processor")?,
        })
    });
    Ok(TopologyDescription {
        subtopologies: subtopologies.collect::<Result<_, String>>()?,
        global_stores: global_stores.collect::<Result<_, String>>()?,
    })
}

fn missing(name: &str) -> String {
    format!("'{name}' is missing or of another type")
}

fn array<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    value.get(name).and_then(Value::as_array).ok_or_else(|| missing(name))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| missing(name))
}

fn names(value: &Value, name: &str) -> Result<Names, String> {
    array(value, name)?.iter().map(|one| Ok(one.as_str().ok_or_else(|| missing(name))?.into())).collect()
}

fn id_of(value: &Value) -> Result<u32, String> {
    let id = value.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| missing("id"))
}

fn node_of(value: &Value) -> Result<DescribedNode, String> {
    let kind = match (text(value, "type")?, value.get("pattern"), value.get("extractor")) {
        ("source", None, _) => DescribedKind::Source { topics: names(value, "topics")?, pattern: None },
        ("source", Some(_), _) => {
            let pattern = TopicPattern::new(text(value, "pattern")?).map_err(|error| error.to_string())?;
            DescribedKind::Source { topics: Vec::new(), pattern: Some(pattern) }
        }
        ("processor", ..) => DescribedKind::Processor { stores: names(value, "stores")? },
        ("sink", _, None) => DescribedKind::Sink(SinkTarget::Topic(text(value, "topic")?.into())),
        ("sink", _, Some(_)) => {
            DescribedKind::Sink(SinkTarget::Dynamic(text(value, "extractor")?.to_owned()))
        }
        (other, ..) => return Err(format!("'{other}' is not a type of nodes")),
    };
    Ok(DescribedNode {
        name: text(value, "name")?.into(),
        kind,
        predecessors: names(value, "predecessors")?,
        successors: names(value, "successors")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let of = |text: &str| from_json(text).expect_err("refused");
        assert!(of("{").contains("EOF"));
        assert!(of("{}").contains("'subtopologies' is missing"));
        assert!(of(r#"{"subtopologies":[{"nodes":[]}],"global_stores":[]}"#).contains("'id'"));
        let node = r#"{"subtopologies":[{"id":0,"nodes":[{"type":"table"}]}],"global_stores":[]}"#;
        assert!(of(node).contains("'table' is not a type"));
    }
}

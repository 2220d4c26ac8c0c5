//! Plans of resets as files, in the form of Kafka's tool.

use std::collections::BTreeMap;

use streams_core::ids::{Offset, TopicPartition};

/// The new offsets of each group.
pub(super) type Plan = BTreeMap<String, BTreeMap<TopicPartition, Offset>>;

/// `topic,partition,offset` of one group, `group,topic,partition,offset` of several.
pub(super) fn write(plan: &Plan) -> String {
    let mut text = String::new();
    for (group, offsets) in plan {
        for (at, offset) in offsets {
            let of = if plan.len() > 1 { format!("{group},") } else { String::new() };
            text.push_str(&format!("{of}{},{},{offset}\n", at.topic, at.partition));
        }
    }
    text
}

/// Reads both forms; a line without a group is of the one that was named.
pub(super) fn read(text: &str, groups: &[String]) -> Result<Plan, String> {
    let mut plan = Plan::new();
    for (number, line) in (1..).zip(text.lines()) {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let wrong = || {
            format!(
                "line {number}: '{line}' is neither topic,partition,offset nor group,topic,partition,offset"
            )
        };
        let (group, topic, partition, offset) = match (cells.as_slice(), groups) {
            ([""], _) => continue,
            ([topic, partition, offset], [group]) => (group.as_str(), *topic, *partition, *offset),
            ([group, topic, partition, offset], _) => (*group, *topic, *partition, *offset),
            ([_, _, _], _) => {
                return Err(format!("line {number}: without a group, and not one group was named"));
            }
            _ => return Err(wrong()),
        };
        if !groups.iter().any(|named| named == group) {
            return Err(format!("line {number}: group {group} was not named with --group"));
        }
        let partition = partition.parse().map_err(|_| wrong())?;
        let offset =
            offset.parse::<u32>().map(Offset::from).or_else(|_| offset.parse()).map_err(|_| wrong())?;
        plan.entry(group.to_owned()).or_default().insert(TopicPartition::new(topic, partition), offset);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let offsets = BTreeMap::from([(TopicPartition::new("in", 0), 5), (TopicPartition::new("in", 1), 7)]);
        let one = Plan::from([("a".to_owned(), offsets.clone())]);
        assert_eq!(write(&one), "in,0,5\nin,1,7\n");
        assert_eq!(read(&write(&one), &groups(&["a"])), Ok(one.clone()));
        let two = Plan::from([("a".to_owned(), offsets.clone()), ("b".to_owned(), offsets)]);
        assert!(write(&two).starts_with("a,in,0,5\n"));
        assert_eq!(read(&write(&two), &groups(&["a", "b"])), Ok(two));
        assert_eq!(read("\"in\",\"0\",\"5\"\n", &groups(&["a"])).expect("quoted").len(), 1);
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        let of = |text: &str, names: &[&str]| read(text, &groups(names)).expect_err("refused");
        assert!(of("in,0\n", &["a"]).starts_with("line 1: 'in,0' is neither"));
        assert!(of("\nin,x,0\n", &["a"]).starts_with("line 2"));
        assert!(of("in,0,1\n", &["a", "b"]).contains("not one group"));
        assert!(of("c,in,0,1\n", &["a"]).contains("group c was not named"));
    }
}

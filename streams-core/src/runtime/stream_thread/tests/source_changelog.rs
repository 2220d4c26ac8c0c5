//! A store whose changelog is the source topic (`reuse.ktable.source.topics`): it is restored up to what the application
//! has read of the topic, and no further. The rest comes as input.

use std::sync::Mutex;

use super::*;

/// What a key had before, and what it has now.
type Change = (Option<String>, String);

/// Keeps the last value of each key, and notes each change.
struct Note(Arc<Mutex<Vec<Change>>>);

impl Processor<String, String, String, String> for Note {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let store: KeyValueStore<String, String> = context.state_store("store")?;
        let before = store.get(&record.key)?;
        self.0.lock().expect("no panic").push((before, record.value.clone()));
        Ok(store.put(&record.key, Some(record.value))?)
    }
}

fn topology(changes: &Arc<Mutex<Vec<Change>>>) -> Result<Topology> {
    let (mut topology, changes) = (Topology::new(), Arc::clone(changes));
    topology.add_source("source", &["in"], None, source_options())?;
    topology.add_processor("note", move |_| Ok(Note(Arc::clone(&changes))), &["source"])?;
    let store = Stores::key_value_store::<String, String>("store").with_logging_disabled();
    topology.add_state_store(store, &["note"])?;
    topology.connect_source_store_and_topic("store", &"in".into())?;
    Ok(topology)
}

fn changes(of: &[(Option<&str>, &str)]) -> Vec<Change> {
    of.iter().map(|(before, now)| (before.map(str::to_owned), (*now).to_owned())).collect()
}

#[test]
fn what_was_not_read_yet_is_input_and_not_restored() -> Result<()> {
    let seen = Arc::default();
    let mut world = World::of(topology(&seen)?)?;
    world.put("a", "1")?;
    world.put("a", "2")?;
    // The application is gone while these are written.
    world.send("a", "3")?;
    world.send("b", "4")?;
    let world = world.restarted(topology(&seen)?)?;
    let expected = [(None, "1"), (Some("1"), "2"), (Some("2"), "3"), (None, "4")];
    assert_eq!(*seen.lock().expect("no panic"), changes(&expected));
    assert_eq!((world.value("a"), world.value("b")), (text("3"), text("4")));
    Ok(())
}

#[test]
fn a_topic_of_which_nothing_was_read_is_input_alone() -> Result<()> {
    let seen = Arc::default();
    let mut world = World::of(topology(&seen)?)?;
    world.send("a", "1")?;
    world.send("a", "2")?;
    let _world = world.restarted(topology(&seen)?)?;
    assert_eq!(*seen.lock().expect("no panic"), changes(&[(None, "1"), (Some("1"), "2")]));
    Ok(())
}

#[test]
fn a_topic_that_begins_after_what_was_read_is_no_changelog_to_wait_for() -> Result<()> {
    let seen = Arc::default();
    let mut world = World::of(topology(&seen)?)?;
    world.put("a", "1")?;
    world.send("a", "2")?;
    world.send("a", "3")?;
    let first = [(TopicPartition::new("in", 0), 2)];
    world.trial.transport.admin("admin")?.delete_records(&first, TIMEOUT)?;
    // The restore has nothing to do. The second record is gone: input continues where the topic begins.
    let world = world.restarted(topology(&seen)?)?;
    assert_eq!(*seen.lock().expect("no panic"), changes(&[(None, "1"), (None, "3")]));
    assert_eq!(world.value("a"), text("3"));
    Ok(())
}

/// Before, with Kafka: the second could not be assigned next to the first, which was tried again without end. The broker in
/// memory let it be, and now answers as librdkafka does.
#[test]
fn two_stores_with_one_source_topic_are_restored_one_after_the_other() -> Result<()> {
    let seen = Arc::default();
    let of_two = || {
        let mut topology = topology(&seen)?;
        let store = Stores::key_value_store::<String, String>("other").with_logging_disabled();
        topology.add_state_store(store, &["note"])?;
        topology.connect_source_store_and_topic("other", &"in".into())?;
        Ok::<_, Error>(topology)
    };
    let mut world = World::of(of_two()?)?;
    world.put("a", "1")?;
    let mut world = world.restarted(of_two()?)?;
    world.put("a", "2")?;
    assert_eq!(*seen.lock().expect("no panic"), changes(&[(None, "1"), (Some("1"), "2")]));
    Ok(())
}

//! Stores are named by references, which know their types, as well as by names.

use streams_dsl::prelude::*;

/// Tells how often a key came, and how it is called.
struct Called {
    counts: KeyValueStore<String, i64>,
    called: KeyValueStore<String, String>,
}

impl Processor<String, String, String, i64> for Called {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        let count = self.counts.get(&record.key)?.unwrap_or(0) + 1;
        self.counts.put(&record.key, Some(count))?;
        self.called.put(&record.key, Some(record.value.clone()))?;
        context.forward(Record::new(record.value, count, record.timestamp))
    }
}

/// Pipes two records; the results, with what is in the two stores.
fn run(topology: Topology) -> (Vec<(String, i64)>, TopologyTestDriver) {
    let driver = TopologyTestDriver::of(topology).unwrap();
    let input = driver.create_input_topic::<String, String>("in");
    for (time, name) in [(0, "ann"), (1, "anna")] {
        input.pipe("1".into(), name.into(), time).unwrap();
    }
    let results = driver.create_output_topic::<String, i64>("out").read_key_values().unwrap();
    (results, driver)
}

#[test]
fn references_open_several_stores_with_their_types_and_tests_read_them() {
    let builder = StreamsBuilder::new();
    let counts = builder.add_state_store(Stores::key_value_store("counts"));
    let called = builder.add_state_store(Stores::key_value_store("called"));
    let stream = builder.stream::<String, String>("in");
    stream
        .process_with_stores((&counts, &called), |(counts, called), _| Ok(Called { counts, called }))
        .to("out");

    let (results, driver) = run(builder.build().unwrap());
    assert_eq!(results, [("ann".to_owned(), 1), ("anna".to_owned(), 2)]);
    assert_eq!(driver.state_store(&counts).unwrap().get(&"1".to_owned()).unwrap(), Some(2));
    let called = driver.state_store_of(TaskId::new(0, 0), &called).unwrap();
    assert_eq!(called.get(&"1".to_owned()).unwrap().as_deref(), Some("anna"));
}

#[test]
fn names_and_references_name_the_same_store() {
    let builder = StreamsBuilder::new();
    let counts = builder.add_state_store(Stores::key_value_store::<String, i64>("counts"));
    builder.add_state_store(Stores::key_value_store::<String, String>("called"));
    let supplier = |task: &mut InitContext<'_>| {
        let called = StoreRef::named("called");
        Ok(Called { counts: task.state_store("counts")?, called: task.state_store(&called)? })
    };
    builder.stream::<String, String>("in").process(supplier, &[counts.name(), "called"]).to("out");

    let (results, driver) = run(builder.build().unwrap());
    assert_eq!(results.len(), 2);
    assert!(driver.state_store::<KeyValueStore<String, i64>>("counts").is_some());
    assert!(driver.state_store::<KeyValueStore<String, String>>("counts").is_none(), "another type");
}

/// Looks up who a key is.
struct Look(GlobalKeyValueStore<String, String>);

impl FixedKeyProcessor<String, String, String> for Look {
    fn process(
        &mut self,
        record: FixedKeyRecord<String, String>,
        context: &mut FixedKeyContext<'_, String, String>,
    ) -> ProcessorResult {
        let found = self.0.get(record.key())?.unwrap_or_default();
        context.forward(record.with_value(found))
    }
}

/// Keeps a global store current.
struct Keep(KeyValueStore<String, String>);

impl Processor<String, String, (), ()> for Keep {
    fn process(
        &mut self,
        record: Record<String, String>,
        _: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        Ok(self.0.put(&record.key, Some(record.value))?)
    }
}

#[test]
fn a_global_store_has_one_reference_to_fill_it_and_one_to_read_it() {
    let builder = StreamsBuilder::new();
    let names = Stores::key_value_store::<String, String>("names");
    let filled = names.store_ref();
    let keep = move |task: &mut InitContext<'_>| Ok(Keep(task.state_store(&filled)?));
    let names = builder.add_global_store(names, "names", Consumed::<String, String>::new(), keep);
    let stream = builder.stream::<String, String>("in");
    stream.process_values(move |task| Ok(Look(task.state_store(&names)?)), &[]).to("out");

    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    driver.create_input_topic::<String, String>("names").pipe("1".into(), "ann".into(), 0).unwrap();
    driver.create_input_topic::<String, String>("in").pipe("1".into(), "?".into(), 1).unwrap();
    assert_eq!(driver.create_output_topic::<String, String>("out").read_values().unwrap(), ["ann"]);
}

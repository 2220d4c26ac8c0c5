//! How do I join tables whose keys differ? With a foreign key, which a closure extracts from the value: an order names its
//! customer. The result follows changes of both tables.
//!
//! ```text
//! 1: tea for Ann in Oslo
//! 2: milk for Ann in Oslo
//! 3: salt for Bob in Rome
//! Bob moves
//! 1: tea for Ann in Oslo
//! 2: milk for Ann in Oslo
//! 3: salt for Bob in Bern
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use kstreams::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    customer: String,
    article: String,
}
json_serde!(Order);

/// Joins orders, keyed by number, with towns, keyed by customer.
fn topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    let orders = builder.table::<i64, Order>("orders");
    let towns = builder.table::<String, String>("towns");
    orders
        .join_foreign_key(
            &towns,
            |order| Some(order.customer.clone()),
            |order, town| format!("{} for {} in {town}", order.article, order.customer),
        )
        .to_stream()
        .to("deliveries");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    let mut orders = EmbeddedTopic::<i64, Order>::create(&broker, "orders", 2)?;
    let mut towns = EmbeddedTopic::<String, String>::create(&broker, "towns", 3)?;
    let mut deliveries = EmbeddedTopic::<i64, Option<String>>::create(&broker, "deliveries", 1)?;
    let app = KafkaStreams::new(topology()?, StreamsConfig::new("deliveries", "embedded:"))?;
    app.start()?;

    towns.send_all(
        [("Ann", "Oslo"), ("Bob", "Rome")].map(|(name, town)| Record::new(name.into(), town.into(), 0)),
    )?;
    orders.send_all([(1, "Ann", "tea"), (2, "Ann", "milk"), (3, "Bob", "salt")].map(
        |(number, customer, article)| {
            Record::new(number, Order { customer: customer.to_owned(), article: article.to_owned() }, 1)
        },
    ))?;
    let mut rows = BTreeMap::new();
    follow(&mut deliveries, &mut rows, |rows| rows.len() == 3)?;
    println!("Bob moves");
    towns.send(Record::new("Bob".to_owned(), "Bern".to_owned(), 2))?;
    follow(&mut deliveries, &mut rows, |rows| rows[&3].ends_with("Bern"))?;
    app.close(Duration::from_secs(10));
    Ok(())
}

/// Applies changes of the result to `rows` until those are as wanted. A null deletes a row.
fn follow(
    deliveries: &mut EmbeddedTopic<i64, Option<String>>,
    rows: &mut BTreeMap<i64, String>,
    wanted: impl Fn(&BTreeMap<i64, String>) -> bool,
) -> Result<(), Box<dyn Error>> {
    while !wanted(rows) {
        let change =
            deliveries.read_within(1, Duration::from_secs(30))?.pop().ok_or("no change within 30 s")?;
        match change.value {
            Some(row) => rows.insert(change.key, row),
            None => rows.remove(&change.key),
        };
    }
    rows.iter().for_each(|(number, row)| println!("{number}: {row}"));
    Ok(())
}

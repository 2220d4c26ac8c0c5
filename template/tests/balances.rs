//! The processing, without a broker.

use kstreams::prelude::*;
use {{crate_name}}::{BALANCES, PAYMENTS, Payment, topology};

#[test]
fn payments_add_up_by_account() {
    let topology = topology(&StreamsConfig::new("test", "embedded:")).unwrap();
    let driver = TopologyTestDriver::of(topology).unwrap();
    let payments = driver.create_input_topic::<Option<String>, Payment>(PAYMENTS);
    for (account, cents) in [("ann", 500), ("bob", 100), ("ann", -200)] {
        payments.pipe(None, Payment { account: account.to_owned(), cents }, 0).unwrap();
    }
    let balances = driver.create_output_topic::<String, i64>(BALANCES);
    let expected = [("ann", 500), ("bob", 100), ("ann", 300)].map(|(account, cents)| (account.to_owned(), cents));
    assert_eq!(balances.read_key_values().unwrap(), expected);
}

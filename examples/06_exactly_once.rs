//! Money is moved: can a crash lose a cent, or make one? A transfer becomes two postings, which change balances in two
//! partitions. Offsets, balances and results are committed in one transaction, or not at all.
//!
//! ```text
//! the application failed in the middle of a transfer
//! another one took over
//! 200 changes of balances, and all balances together: 0
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kstreams::prelude::*;
use serde::{Deserialize, Serialize};

const TRANSFERS: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transfer {
    from: String,
    to: String,
    cents: i64,
}
json_serde!(Transfer);

/// Adds up balances. Posting number `crash_at` fails instead.
fn topology(crash_at: usize) -> Result<Topology, DslError> {
    let (builder, postings) = (StreamsBuilder::new(), AtomicUsize::new(0));
    builder
        .stream::<i64, Transfer>("transfers")
        .flat_map(|_number, transfer| [(transfer.from, -transfer.cents), (transfer.to, transfer.cents)])
        .group_by_key()
        .try_aggregate(
            || 0_i64,
            move |_account, cents, balance| {
                let crashes = postings.fetch_add(1, Ordering::Relaxed) == crash_at;
                if crashes { Err("the machine is on fire") } else { Ok(balance + cents) }
            },
        )
        .to_stream()
        .to("balances");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    let mut transfers = EmbeddedTopic::<i64, Transfer>::create(&broker, "transfers", 2)?;
    let mut balances = EmbeddedTopic::<String, i64>::create(&broker, "balances", 2)?;
    transfers.send_all((0..TRANSFERS as i64).map(|number| {
        let account = |number: i64| format!("account {}", number % 7);
        Record::new(
            number,
            Transfer { from: account(number), to: account(number * number + 3), cents: number },
            0,
        )
    }))?;

    // `exactly_once_v2` is the default here. Without a cache each posting is a result, to be counted.
    let config = StreamsConfig::new("bank", "embedded:").with("statestore.cache.max.bytes", 0)?;
    KafkaStreams::new(topology(70)?, config.clone())?.run_blocking().expect_err("it is on fire");
    println!("the application failed in the middle of a transfer");
    let app = KafkaStreams::new(topology(usize::MAX)?, config)?;
    app.start()?;
    println!("another one took over");

    let changes = balances.read_within(2 * TRANSFERS, Duration::from_secs(30))?;
    app.close(Duration::from_secs(10));
    let changes: Vec<_> = changes.into_iter().chain(balances.read_new()?).collect();
    let count = changes.len();
    let last: BTreeMap<_, _> = changes.into_iter().map(|change| (change.key, change.value)).collect();
    println!("{count} changes of balances, and all balances together: {}", last.values().sum::<i64>());
    Ok(())
}

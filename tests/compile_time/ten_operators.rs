//! A user's program of ten operators, whose compile time `make compile-time` measures. It belongs to no package.

use kstreams::prelude::*;
use serde::{Deserialize, Serialize};

/// What is paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Payment {
    account: String,
    cents: i64,
}
json_serde!(Payment);

/// What an owner has paid within an hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Total {
    owner: String,
    cents: i64,
    payments: u32,
}
json_serde!(Total);

/// The least payment; the measurement edits this line.
const LEAST_CENTS: i64 = 0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = StreamsBuilder::new();
    let owners = builder.table::<String, String>("owners");
    let totals = builder
        .stream::<Option<String>, Payment>("payments")
        .filter(|_, payment| payment.cents > LEAST_CENTS)
        .select_key(|_, payment| payment.account.clone())
        .join(&owners, |payment, owner| Total { owner, cents: payment.cents, payments: 1 })
        .peek(|account, total| println!("{account}: {total:?}"))
        .group_by(|_, total| total.owner.clone())
        .windowed_by(TimeWindows::of_size_and_grace(hours(1), minutes(5)))
        .aggregate(Total::default, |owner, total, sum| Total {
            owner: owner.clone(),
            cents: sum.cents + total.cents,
            payments: sum.payments + total.payments,
        })
        .to_stream()
        .map(|window, total| (window.key, total));
    totals.filter(|_, total| total.is_some()).to("totals");

    let app = KafkaStreams::new(builder.build()?, StreamsConfig::new("totals", "embedded:"))?;
    app.run_until_shutdown_signal()?;
    Ok(())
}

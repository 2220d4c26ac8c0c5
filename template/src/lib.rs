//! The processing: the balance of each account.

use kstreams::prelude::*;
use serde::{Deserialize, Serialize};

/// The source topic. Its keys do not matter.
pub const PAYMENTS: &str = "payments";
/// The result topic: the balance in cents, keyed by account.
pub const BALANCES: &str = "balances";

/// Money paid into an account; negative if it is taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    pub account: String,
    pub cents: i64,
}
json_serde!(Payment);

/// Builds the topology. Some settings change it, such as `topology.optimization`.
pub fn topology(config: &StreamsConfig) -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, Payment>(PAYMENTS)
        .group_by(|_key, payment| payment.account.clone())
        .aggregate_with(
            || 0_i64,
            |_account, payment, balance| balance + payment.cents,
            Materialized::named("balances"),
        )
        .to_stream()
        .to(BALANCES);
    builder.build_with(config)
}

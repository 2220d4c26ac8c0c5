//! Which accounts are being emptied right now? Payments are counted and summed per account in windows, measured against
//! the customer's own limit, and what is out of the ordinary becomes an alert.
//!
//! Shows: a join of a stream with a table, a split stream, hopping windows, an aggregate with a limit of its own, input
//! that is made up but the same every time, and how well the rules did against the frauds that were planted in it.
//!
//! ```sh
//! cargo run --release -p examples --bin fraud
//! cargo run -p examples --bin fraud -- --bootstrap-servers localhost:9092
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;

use examples::{ExampleApp, InputRecord, Options, OutputRecord, Result, Topic};
use kstreams::prelude::*;
use serde::{Deserialize, Serialize};

/// Payments, by account.
const PAYMENTS: &str = "payments";
/// Customers, by account.
const CUSTOMERS: &str = "customers";
/// The result, by account and window.
const ALERTS: &str = "fraud-alerts";

/// How long payments are added up.
const WINDOW_MS: i64 = 10 * MINUTE_MS;
/// More payments than these in a window are not shopping.
const PAYMENTS_MAX: u64 = 8;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// 2025-06-02T00:00Z, a Monday.
const BEGIN_MS: i64 = 1_748_822_400_000;

/// Who has an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Name.
    pub name: String,
    /// What they agreed to spend at most within ten minutes.
    pub limit_cents: u64,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// When.
    pub at_ms: i64,
    /// How much.
    pub cents: u64,
}

/// A payment with what is known about who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    payment: Payment,
    customer: Option<Customer>,
}

/// What an account has paid in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    payments: u64,
    cents: u64,
    /// The customer's limit and name at the latest payment.
    limit_cents: u64,
    name: String,
}

/// Why a person should look at an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// Many payments within minutes.
    Burst,
    /// More money than the customer's limit.
    OverLimit,
    /// Nobody owns the account.
    NoCustomer,
}

/// An account that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The account.
    pub account: String,
    /// Whose it is, if anybody's.
    pub name: String,
    /// Why.
    pub reason: Reason,
    /// How many payments.
    pub payments: u64,
    /// How much in all.
    pub cents: u64,
    /// The begin of the window.
    pub from_ms: i64,
    /// Its end.
    pub until_ms: i64,
}

json_serde!(Payment, Customer, Checked, Spending, Alert);

impl Spending {
    fn with(self, checked: Checked) -> Self {
        let customer =
            checked.customer.unwrap_or(Customer { name: self.name, limit_cents: self.limit_cents });
        Spending {
            payments: self.payments + 1,
            cents: self.cents + checked.payment.cents,
            limit_cents: customer.limit_cents,
            name: customer.name,
        }
    }

    fn alert(self, window: Windowed<String>) -> Option<Alert> {
        let reason = match () {
            () if self.cents > self.limit_cents => Reason::OverLimit,
            () if self.payments > PAYMENTS_MAX => Reason::Burst,
            () => return None,
        };
        Some(Alert {
            account: window.key,
            name: self.name,
            reason,
            payments: self.payments,
            cents: self.cents,
            from_ms: window.window.start_ms,
            until_ms: window.window.end_ms,
        })
    }
}

impl Alert {
    /// A payment from an account that nobody owns is an alert by itself.
    fn no_customer(account: String, payment: &Payment) -> Self {
        Alert {
            account,
            name: String::new(),
            reason: Reason::NoCustomer,
            payments: 1,
            cents: payment.cents,
            from_ms: payment.at_ms,
            until_ms: payment.at_ms + 1,
        }
    }

    /// By account and window, so that a later alert about the same window replaces an earlier one.
    fn keyed(self) -> (String, Alert) {
        (format!("{}@{}", self.account, self.from_ms), self)
    }
}

/// Alerts about payments that are out of the ordinary.
pub fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let customers = builder.table::<String, Customer>(CUSTOMERS);
    builder
        .stream::<String, Payment>(PAYMENTS)
        .left_join(&customers, |payment, customer| Checked { payment, customer })
        .split()
        .branch_with(
            |_account, checked| checked.customer.is_none(),
            Branched::with_consumer(unknown_accounts),
        )
        .default_branch_with(Branched::with_consumer(spending));
    Ok(builder.build()?)
}

fn unknown_accounts(payments: KStream<String, Checked>) {
    payments.map(|account, checked| Alert::no_customer(account, &checked.payment).keyed()).to(ALERTS);
}

fn spending(payments: KStream<String, Checked>) {
    // Windows that overlap by half: whatever happens within five minutes lies in one of them as a whole.
    let windows =
        TimeWindows::of_size_and_grace(millis(WINDOW_MS.unsigned_abs()), minutes(1)).advance_by(minutes(5));
    payments
        .group_by_key()
        .windowed_by(windows)
        .aggregate_with(
            Spending::default,
            |_account, checked, spending| spending.with(checked),
            Materialized::named("spending"),
        )
        .to_stream()
        .flat_map(|window, spending| spending.and_then(|spending| spending.alert(window)).map(Alert::keyed))
        .to(ALERTS);
}

/// A fraud that was planted in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fraud {
    /// The account.
    pub account: String,
    /// The first payment.
    pub from_ms: i64,
    /// The last payment.
    pub until_ms: i64,
    /// How it was done.
    pub how: &'static str,
}

impl Fraud {
    fn is_meant_by(&self, alert: &Alert) -> bool {
        alert.account == self.account && alert.from_ms <= self.until_ms && self.from_ms < alert.until_ms
    }
}

/// What a day at a bank looks like.
pub struct Scenario {
    /// Accounts and their owners.
    pub customers: BTreeMap<String, Customer>,
    /// Payments in the order of time, with their accounts.
    pub payments: Vec<(String, Payment)>,
    /// The frauds among them.
    pub frauds: Vec<Fraud>,
}

/// Makes up a scenario; the same seed gives the same one.
struct Generator {
    /// SplitMix64: small, and good enough for payments.
    state: u64,
    scenario: Scenario,
}

impl Generator {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `from..to`.
    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }

    fn time(&mut self) -> i64 {
        BEGIN_MS + self.between(0, DAY_MS.unsigned_abs()).cast_signed()
    }

    fn account(&mut self) -> String {
        let accounts = self.scenario.customers.len() as u64;
        account(self.between(0, accounts))
    }

    fn pay(&mut self, account: &str, at_ms: i64, cents: u64) {
        self.scenario.payments.push((account.to_owned(), Payment { at_ms, cents }));
    }

    /// Payments within a few minutes; returns the time of the last.
    fn series(
        &mut self,
        account: &str,
        from_ms: i64,
        payments: u64,
        within_ms: u64,
        cents: (u64, u64),
    ) -> i64 {
        let mut until_ms = from_ms;
        for payment in 0..payments {
            // The first is at the begin, the others are anywhere.
            let at_ms =
                if payment == 0 { from_ms } else { from_ms + self.between(0, within_ms).cast_signed() };
            let cents = self.between(cents.0, cents.1);
            self.pay(account, at_ms, cents);
            until_ms = until_ms.max(at_ms);
        }
        until_ms
    }

    fn open_accounts(&mut self, accounts: u64) {
        for number in 0..accounts {
            let limit_cents = self.between(30, 100) * 1_000;
            let customer = Customer { name: format!("Customer {number}"), limit_cents };
            self.scenario.customers.insert(account(number), customer);
        }
    }

    /// People pay a few times a day, and sometimes go shopping.
    fn live(&mut self, payments: u64) {
        while (self.scenario.payments.len() as u64) < payments {
            let (account, at_ms) = (self.account(), self.time());
            match self.between(0, 500) {
                // The sales: up to nine small payments. Some look like a burst, and are not.
                0 => {
                    let payments = self.between(4, 10);
                    self.series(&account, at_ms, payments, 480_000, (100, 1_500));
                }
                _ => {
                    let cents = self.between(100, 15_000);
                    self.pay(&account, at_ms, cents);
                }
            }
        }
    }

    fn plant(&mut self, frauds: u64) {
        for number in 0..frauds {
            let (mut account, from_ms) = (self.account(), self.time());
            let limit = self.scenario.customers.get(&account).map_or(0, |customer| customer.limit_cents);
            let (how, until_ms) = match number % 3 {
                0 => {
                    let payments = self.between(10, 20);
                    ("many small payments", self.series(&account, from_ms, payments, 240_000, (50, 200)))
                }
                1 => {
                    // Who knows the limit stays below it, and is not found.
                    let each = if number % 4 == 1 { limit / 5 } else { limit / 2 };
                    let cents = (each, each + each / 4 + 1);
                    ("a few large payments", self.series(&account, from_ms, 4, 240_000, cents))
                }
                _ => {
                    account = format!("stolen-{number}");
                    ("an account that nobody owns", self.series(&account, from_ms, 2, 240_000, (100, 50_000)))
                }
            };
            self.scenario.frauds.push(Fraud { account, from_ms, until_ms, how });
        }
    }
}

fn account(number: u64) -> String {
    format!("account-{number:04}")
}

/// A day of payments with planted frauds; the same seed gives the same day.
pub fn scenario(seed: u64, accounts: u64, payments: u64, frauds: u64) -> Scenario {
    let empty = Scenario { customers: BTreeMap::new(), payments: Vec::new(), frauds: Vec::new() };
    let mut generator = Generator { state: seed, scenario: empty };
    generator.open_accounts(accounts);
    generator.live(payments);
    generator.plant(frauds);
    let mut scenario = generator.scenario;
    scenario.payments.sort_by(|(a, x), (b, y)| (x.at_ms, a, x.cents).cmp(&(y.at_ms, b, y.cents)));
    scenario
}

/// The day that the example runs on.
pub fn day() -> Scenario {
    scenario(42, 2_000, 50_000, 60)
}

/// The example on a scenario.
pub fn app_on(scenario: &Scenario) -> Result<ExampleApp> {
    let customers = scenario.customers.iter().map(|(account, customer)| {
        // Accounts are older than what is paid from them, so the table is complete before the first payment.
        InputRecord::new(CUSTOMERS, account, customer, BEGIN_MS - DAY_MS)
    });
    let payments = scenario
        .payments
        .iter()
        .map(|(account, payment)| InputRecord::new(PAYMENTS, account, payment, payment.at_ms));
    Ok(ExampleApp {
        name: "fraud",
        topics: vec![Topic::new(CUSTOMERS, 4), Topic::new(PAYMENTS, 4), Topic::new(ALERTS, 4)],
        topology: topology()?,
        input: customers.chain(payments).collect::<Result<_>>()?,
        outputs: vec![ALERTS],
    })
}

/// The example on the day that it always runs on.
pub fn app(_options: &Options) -> Result<ExampleApp> {
    app_on(&day())
}

/// The alerts, each as it was last updated.
pub fn alerts(outputs: &[OutputRecord]) -> Result<Vec<Alert>> {
    let last = examples::final_records(outputs).into_iter();
    last.map(|record| record.value()).collect()
}

/// How well the rules did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Planted frauds with an alert.
    pub caught: usize,
    /// All planted frauds.
    pub planted: usize,
    /// Alerts that mean a planted fraud.
    pub right: usize,
    /// All alerts.
    pub alerts: usize,
}

impl Score {
    /// Holds alerts against what was planted.
    pub fn of(alerts: &[Alert], frauds: &[Fraud]) -> Self {
        let caught = frauds.iter().filter(|fraud| alerts.iter().any(|alert| fraud.is_meant_by(alert)));
        let right = alerts.iter().filter(|alert| frauds.iter().any(|fraud| fraud.is_meant_by(alert)));
        Score { caught: caught.count(), planted: frauds.len(), right: right.count(), alerts: alerts.len() }
    }

    /// How many of the alerts are right, in percent.
    pub fn precision(&self) -> f64 {
        100.0 * self.right as f64 / self.alerts.max(1) as f64
    }

    /// How many of the frauds were caught, in percent.
    pub fn recall(&self) -> f64 {
        100.0 * self.caught as f64 / self.planted.max(1) as f64
    }
}

/// Runs the example and prints which of the planted frauds were caught.
pub fn main() -> ExitCode {
    examples::exit(run())
}

fn run() -> Result<()> {
    let options = Options::from_command_line();
    let scenario = day();
    let outcome = examples::run(&app_on(&scenario)?, &options)?;
    let alerts = alerts(&outcome.outputs)?;
    println!("\n{}\n", outcome.summary());
    print!("{}", report(&scenario.frauds, &alerts));
    Ok(())
}

fn report(frauds: &[Fraud], alerts: &[Alert]) -> String {
    let row = |fraud: &Fraud| {
        let alert = alerts.iter().find(|alert| fraud.is_meant_by(alert));
        let minute = (fraud.from_ms - BEGIN_MS) / MINUTE_MS;
        vec![
            fraud.account.clone(),
            format!("{:02}:{:02}", minute / 60, minute % 60),
            fraud.how.to_owned(),
            alert.map_or("not caught".to_owned(), |alert| match alert.reason {
                Reason::Burst => format!("{} payments within ten minutes", alert.payments),
                Reason::OverLimit => format!("{} paid, which is over the limit", money(alert.cents)),
                Reason::NoCustomer => "nobody owns the account".to_owned(),
            }),
        ]
    };
    let rows: Vec<_> = frauds.iter().map(row).collect();
    let score = Score::of(alerts, frauds);
    format!(
        "{}\n  {} of {} planted frauds caught: recall {:.0} %\n  {} of {} alerts are right: precision {:.0} %\n",
        examples::table(&["account", "at", "what was done", "alert"], &rows),
        score.caught,
        score.planted,
        score.recall(),
        score.right,
        score.alerts,
        score.precision(),
    )
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", examples::count(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_large_sums_and_unknown_accounts_raise_alerts() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let customers = driver.create_input_topic::<String, Customer>(CUSTOMERS);
        let payments = driver.create_input_topic::<String, Payment>(PAYMENTS);
        for name in ["ann", "bob", "cid"] {
            customers
                .pipe(name.to_owned(), Customer { name: name.to_owned(), limit_cents: 1_000 }, 0)
                .unwrap();
        }
        let pay = |account: &str, at_ms, cents| {
            payments.pipe(account.to_owned(), Payment { at_ms, cents }, at_ms).unwrap();
        };
        (0..9).for_each(|second| pay("ann", WINDOW_MS + second * 1_000, 1));
        (0..8).for_each(|second| pay("cid", WINDOW_MS + second * 1_000, 1));
        pay("bob", WINDOW_MS + 10_000, 600);
        pay("bob", WINDOW_MS + 11_000, 401);
        pay("nobody", WINDOW_MS + 12_000, 5);

        let alerts = driver.create_output_topic::<String, Alert>(ALERTS);
        let mut found: Vec<_> =
            alerts.read_values().unwrap().iter().map(|a| (a.account.clone(), a.reason, a.from_ms)).collect();
        found.sort();
        let alert = |account: &str, reason, from_ms| (account.to_owned(), reason, from_ms);
        assert_eq!(
            found,
            [
                alert("ann", Reason::Burst, WINDOW_MS / 2),
                alert("ann", Reason::Burst, WINDOW_MS),
                alert("bob", Reason::OverLimit, WINDOW_MS / 2),
                alert("bob", Reason::OverLimit, WINDOW_MS),
                alert("nobody", Reason::NoCustomer, WINDOW_MS + 12_000),
            ]
        );
    }

    #[test]
    fn a_payment_is_measured_against_the_limit_of_its_time() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let customers = driver.create_input_topic::<String, Customer>(CUSTOMERS);
        let payments = driver.create_input_topic::<String, Payment>(PAYMENTS);
        let alerts = driver.create_output_topic::<String, Alert>(ALERTS);
        let limit = |limit_cents| {
            let customer = Customer { name: "Ann".to_owned(), limit_cents };
            customers.pipe("ann".to_owned(), customer, 0).unwrap();
        };
        limit(1_000);
        payments.pipe("ann".to_owned(), Payment { at_ms: 1, cents: 900 }, 1).unwrap();
        assert!(alerts.is_empty().unwrap());
        limit(500);
        payments.pipe("ann".to_owned(), Payment { at_ms: 2, cents: 1 }, 2).unwrap();
        assert_eq!(alerts.read_values().unwrap().len(), 1);
    }

    #[test]
    fn a_seed_gives_the_same_day_and_most_frauds_are_caught() {
        let (day, again) = (scenario(7, 200, 3_000, 30), scenario(7, 200, 3_000, 30));
        assert_eq!((&day.payments, &day.frauds), (&again.payments, &again.frauds));
        let alerts = alerts(&examples::run_on_test_driver(&app_on(&day).unwrap()).unwrap()).unwrap();
        let score = Score::of(&alerts, &day.frauds);
        assert_eq!(score.planted, 30);
        assert!(score.recall() >= 80.0 && score.precision() >= 80.0, "{score:?}");
        assert!(report(&day.frauds, &alerts).contains("recall"));
    }
}

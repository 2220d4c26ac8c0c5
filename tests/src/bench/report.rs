//! Medians, the table for people and the summary for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plan::{Guarantee, Plan, System, Workload};
use super::run::Measurement;

/// The medians of one workload with one guarantee.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What ran.
    pub workload: Workload,
    /// With which guarantee.
    pub guarantee: Guarantee,
    /// This library.
    pub ours: Option<Measurement>,
    /// Java Kafka Streams.
    pub java: Option<Measurement>,
    /// The client library alone.
    pub limit: Option<Measurement>,
}

impl Entry {
    /// The medians over the rounds, in the order of the plan.
    pub fn medians(plan: &Plan, measurements: &[Measurement]) -> Vec<Self> {
        let mut entries = Vec::new();
        for workload in plan.workloads.iter().copied() {
            for guarantee in plan.guarantees.iter().copied() {
                let of = |system| {
                    let same: Vec<Measurement> = measurements
                        .iter()
                        .filter(|m| (m.system, m.workload, m.guarantee) == (system, workload, guarantee))
                        .copied()
                        .collect();
                    middle(&same)
                };
                let (ours, java, limit) = (of(System::Ours), of(System::Java), of(System::Limit));
                entries.push(Self { workload, guarantee, ours, java, limit });
            }
        }
        entries
    }
}

/// Each figure's own median.
fn middle(same: &[Measurement]) -> Option<Measurement> {
    let first = *same.first()?;
    Some(Measurement {
        records_per_s: median(same.iter().map(|m| m.records_per_s).collect()),
        cpu_s_per_million: median(same.iter().map(|m| m.cpu_s_per_million).collect()),
        peak_rss_mb: median(same.iter().map(|m| m.peak_rss_mb).collect()),
        ..first
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { at(half) } else { (at(half.saturating_sub(1)) + at(half)) / 2.0 }
}

/// The summary for programs.
pub fn summary(entries: &[Entry]) -> Value {
    let figures = |measurement: &Option<Measurement>| {
        measurement.map_or(Value::Null, |m| {
            json!({
                "records_per_s": m.records_per_s,
                "cpu_s_per_million": m.cpu_s_per_million,
                "peak_rss_mb": m.peak_rss_mb,
            })
        })
    };
    let workloads: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "name": entry.workload.name(),
                "guarantee": entry.guarantee.name(),
                "ours": figures(&entry.ours),
                "java": figures(&entry.java),
                "limit": figures(&entry.limit),
            })
        })
        .collect();
    json!({ "workloads": workloads })
}

/// The table for people.
pub fn markdown(plan: &Plan, entries: &[Entry], machine: &str) -> String {
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `make bench`. {} records of 100 bytes with 100,000 keys in 4 partitions; medians of {} rounds.\n\
         Machine: {machine}; the broker, Apache Kafka 4.3.1, shares it.\n\n\
         - **ours**: this library. **java**: Kafka Streams 4.3.1 with a heap of 1 GB. **limit**: a hand-written loop \
         over librdkafka without a framework and without state on disk, for at_least_once.\n\
         - One stream thread; commits every 1000 ms (at_least_once) or 100 ms (exactly_once_v2); caches of 10 MB.\n\
         - Everyone runs in turn on the same broker and input; output topics and state are deleted in between. A run of \
         some workloads renews their rows and leaves the others.\n\
         - Records a second: from the moment the process says that it is running (its partitions are assigned), which \
         leaves out the start of the process and the joining of the group for everyone alike, to the moment the \
         committed offsets of its group are seen at the end of the input and of every repartition topic. As commits \
         come once an interval, a run is up to one interval longer than its work.\n\
         - CPU: user and system time of the whole process, start included, for a million input records.\n\
         - Memory: highest resident size of the process.\n\n\
         | workload | guarantee | figure | ours | java | limit | ours / java |\n\
         |---|---|---|---:|---:|---:|---:|\n",
        plan.records, plan.rounds
    );
    for entry in entries {
        row(&mut text, entry, "records/s", |m| m.records_per_s, 0);
        row(&mut text, entry, "CPU s / million", |m| m.cpu_s_per_million, 2);
        row(&mut text, entry, "peak memory MB", |m| m.peak_rss_mb, 0);
    }
    text
}

/// The document after a run: where an earlier one was measured under the same conditions, a narrower run renews its own
/// rows only.
pub fn renewed(earlier: &str, document: &str) -> String {
    let (head, rows) = head_and_rows(document);
    let (earlier_head, earlier_rows) = head_and_rows(earlier);
    if head != earlier_head {
        return document.to_owned();
    }
    let is_new = |row: &&str| !earlier_rows.lines().any(|earlier| label(earlier) == label(row));
    let newest = |earlier| rows.lines().find(|row| label(row) == label(earlier)).unwrap_or(earlier);
    let all = earlier_rows.lines().map(newest).chain(rows.lines().filter(is_new));
    all.fold(head.to_owned(), |text, row| text + row + "\n")
}

/// A document up to the table's first row, and its rows.
fn head_and_rows(document: &str) -> (&str, &str) {
    let rows = document.find("|---").and_then(|line| Some(line + document.get(line..)?.find('\n')? + 1));
    document.split_at(rows.unwrap_or(document.len()))
}

/// What a row is about: workload, guarantee, figure.
fn label(row: &str) -> Vec<&str> {
    row.split('|').skip(1).take(3).collect()
}

fn row(text: &mut String, entry: &Entry, name: &str, figure: fn(&Measurement) -> f64, digits: usize) {
    let cell = |m: &Option<Measurement>| {
        m.as_ref().map_or_else(|| "-".to_owned(), |m| format!("{:.digits$}", figure(m)))
    };
    let ratio = match (&entry.ours, &entry.java) {
        (Some(ours), Some(java)) if figure(java) > 0.0 => format!("{:.2}", figure(ours) / figure(java)),
        _ => "-".to_owned(),
    };
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        text,
        "| {} | {} | {name} | {} | {} | {} | {ratio} |",
        entry.workload.name(),
        entry.guarantee.name(),
        cell(&entry.ours),
        cell(&entry.java),
        cell(&entry.limit),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(system: System, records_per_s: f64) -> Measurement {
        Measurement {
            system,
            workload: Workload::Count,
            guarantee: Guarantee::AtLeastOnce,
            records_per_s,
            cpu_s_per_million: 1.5,
            peak_rss_mb: 100.0,
        }
    }

    #[test]
    fn medians_ratios_and_the_shape_of_the_summary() {
        let plan = Plan {
            workloads: vec![Workload::Count],
            guarantees: vec![Guarantee::AtLeastOnce],
            systems: vec![System::Ours, System::Java],
            rounds: 3,
            records: 10,
        };
        let ours = [9.0, 1.0, 4.0].map(|rate| measured(System::Ours, rate));
        let java = [2.0, 1.0, 3.0].map(|rate| measured(System::Java, rate));
        let entries = Entry::medians(&plan, &[ours, java].concat());
        let expected = json!({"workloads": [{
            "name": "count",
            "guarantee": "at_least_once",
            "ours": {"records_per_s": 4.0, "cpu_s_per_million": 1.5, "peak_rss_mb": 100.0},
            "java": {"records_per_s": 2.0, "cpu_s_per_million": 1.5, "peak_rss_mb": 100.0},
            "limit": null,
        }]});
        assert_eq!(summary(&entries), expected);
        let table = markdown(&plan, &entries, "test");
        assert!(table.contains("| count | at_least_once | records/s | 4 | 2 | - | 2.00 |"), "{table}");
    }

    #[test]
    fn a_narrower_run_renews_its_own_rows() {
        let head = "# Benchmarks\n\n| workload | guarantee | figure | ours |\n|---|---|---|---:|\n";
        let row =
            |workload: &str, ours: u32| format!("| {workload} | at_least_once | records/s | {ours} |\n");
        let earlier = head.to_owned() + &row("passthrough", 1) + &row("count", 2);
        let run = head.to_owned() + &row("count", 3) + &row("tumbling", 4);
        let expected = head.to_owned() + &row("passthrough", 1) + &row("count", 3) + &row("tumbling", 4);
        assert_eq!(renewed(&earlier, &run), expected);
        // Of other conditions nothing stays.
        assert_eq!(renewed(&earlier.replace("# B", "# Other b"), &run), run);
        assert_eq!(renewed("", &run), run);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), 3.0);
    }
}

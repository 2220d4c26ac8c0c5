//! Which words does a book use most? Lines become words, words become keys, keys are counted.
//!
//! Shows: `flat_map_values`, a change of key and the repartition topic it brings, `count`, a table as a stream.
//!
//! ```sh
//! cargo run -p examples --bin word_count
//! cargo run -p examples --bin word_count -- --data my.txt --bootstrap-servers localhost:9092
//! ```

use std::cmp::Reverse;
use std::process::ExitCode;

use examples::{ExampleApp, InputRecord, Options, OutputRecord, Result, Topic};
use kstreams::prelude::*;

/// The book's lines, keyed by their number.
const LINES: &str = "lines";
/// How often each word has been seen.
const COUNTS: &str = "word-counts";

/// Counts words.
pub fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<i64, String>(LINES)
        .flat_map_values(|line| words(&line))
        .group_by(|_line, word| word.clone())
        .count_with(Materialized::named("counts"))
        .to_stream()
        .to(COUNTS);
    Ok(builder.build()?)
}

/// The words of a line in lower case; an apostrophe or hyphen within one belongs to it.
fn words(line: &str) -> Vec<String> {
    let lower = line.to_lowercase().replace("--", " ");
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-');
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The example on the text that the options name.
pub fn app(options: &Options) -> Result<ExampleApp> {
    let path = options.data_or("alice/alice.txt");
    let bytes = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    // Bytes that are not UTF-8 become replacement characters, which are not words.
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    // A line's time is its number.
    let input =
        lines.zip(0_i64..).map(|(line, number)| InputRecord::new(LINES, &number, &line.to_owned(), number));
    Ok(ExampleApp {
        name: "word-count",
        topics: vec![Topic::new(LINES, 4), Topic::new(COUNTS, 4)],
        topology: topology()?,
        input: input.collect::<Result<_>>()?,
        outputs: vec![COUNTS],
    })
}

/// Every word with its count, the most frequent first.
pub fn counts(outputs: &[OutputRecord]) -> Result<Vec<(String, i64)>> {
    let last = examples::final_records(outputs).into_iter();
    let mut counts = last
        .map(|record| Ok((record.key::<String>()?, record.value::<i64>()?)))
        .collect::<Result<Vec<_>>>()?;
    counts.sort_by_key(|(word, count)| (Reverse(*count), word.clone()));
    Ok(counts)
}

/// Runs the example and prints the twenty most frequent words.
pub fn main() -> ExitCode {
    examples::exit(run())
}

fn run() -> Result<()> {
    let options = Options::from_command_line();
    let app = app(&options)?;
    let outcome = examples::run(&app, &options)?;
    let counts = counts(&outcome.outputs)?;
    let total: i64 = counts.iter().map(|(_, count)| count).sum();
    println!("{}", outcome.summary());
    let number = |n: i64| examples::count(n.unsigned_abs());
    println!("{} words, {} different ones. The most frequent:\n", number(total), number(counts.len() as i64));
    let rows: Vec<_> =
        counts.iter().take(20).map(|(word, count)| vec![word.clone(), number(*count)]).collect();
    print!("{}", examples::table(&["word", "count"], &rows));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn words_are_counted_across_lines() {
        let driver = TopologyTestDriver::of(topology().unwrap()).unwrap();
        let lines = driver.create_input_topic::<i64, String>(LINES);
        let counts = driver.create_output_topic::<String, i64>(COUNTS);
        lines.pipe(1, "`Oh dear!  Oh dear!'".to_owned(), 1).unwrap();
        lines.pipe(2, "dear me--it's the well-known Rabbit".to_owned(), 2).unwrap();
        let counts: BTreeMap<_, _> = counts.read_key_values().unwrap().into_iter().collect();
        let expected =
            [("dear", 3), ("it's", 1), ("me", 1), ("oh", 2), ("rabbit", 1), ("the", 1), ("well-known", 1)];
        assert_eq!(counts, expected.map(|(word, count)| (word.to_owned(), count)).into());
    }

    #[test]
    fn the_whole_book_is_counted() {
        let app = app(&Options::default()).unwrap();
        let mut expected = BTreeMap::<String, i64>::new();
        for record in &app.input {
            for word in words(std::str::from_utf8(record.value.as_ref().unwrap()).unwrap()) {
                *expected.entry(word).or_default() += 1;
            }
        }
        let counted = counts(&examples::run_on_test_driver(&app).unwrap()).unwrap();
        assert_eq!(counted.first().map(|(word, _)| word.as_str()), Some("the"));
        assert_eq!(counted.into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
}

//! Draws the input of a case: records that lie where rules of time change, and advances of the wall clock.

use super::case::{Input, Op, Step};
use super::ops::Draw;
use super::rng::Rng;

const KEYS: &[&str] = &["a", "b", "c", "k0", "k1", "k2", "d", "e", "f", "g"];
const VALUES: &[&str] = &["1", "2", "3", "x", "yy", "zzz", "a", "b", "", "\u{fc}"];

/// A jump of time that expires segments of stores.
const JUMP_MS: i64 = 61_000;

/// In how many of 100 cases time advances until windows are closed and limits reached.
const TO_THE_END: usize = 50;

/// Beyond every limit that is not drawn to be out of reach.
const FAR_MS: i64 = 200_000;

/// The input script.
pub fn draw(draw: &mut Draw, ops: &[Op]) -> Vec<Step> {
    let topics = topics(ops);
    let marks: Vec<i64> = if draw.marks.is_empty() { vec![5] } else { draw.marks.clone() };
    let advances = if draw.wall_clock { 25 } else { 3 };
    let rng = &mut draw.rng;
    let length = match rng.below(20) {
        0 => 0,
        1 | 2 => rng.below(8),
        _ => 8 + 3 * topics.len() + rng.below(22),
    };
    // The first ones, or those that selectors make of numbers.
    let first = if rng.chance(70) { 0 } else { 3 };
    let keys = &KEYS[first..first + 1 + rng.below(5) + if rng.chance(10) { 2 } else { 0 }];
    let null_keys = *rng.pick(&[0, 3, 10]);
    let mut latest = rng.between(0, 30);
    let (mut steps, mut last_record): (Vec<Step>, Option<Input>) = (Vec::new(), None);
    for _ in 0..length {
        if rng.chance(advances) {
            steps.push(Step::Advance { advance_ms: *rng.pick(&[1, 9, 10, 100, 499, 1000]) });
            continue;
        }
        let mark = *rng.pick(&marks) + rng.between(-1, 1);
        let timestamp = match rng.below(100) {
            0..=24 => latest,
            25..=39 => latest + rng.between(1, 3),
            40..=59 => latest + mark,
            60..=79 => latest - mark,
            80..=87 => latest - mark - *rng.pick(&marks),
            88..=97 => latest - rng.between(1, 10),
            _ => latest + JUMP_MS,
        };
        let timestamp = timestamp.max(0);
        latest = latest.max(timestamp);
        let (topic, is_table) = rng.pick(&topics).clone();
        let mut record = Input {
            topic,
            key: (!rng.chance(null_keys)).then(|| (*rng.pick(keys)).to_owned()),
            value: (!rng.chance(if is_table { 20 } else { 8 })).then(|| {
                // Some name a key, of another topic perhaps.
                let values = if rng.chance(30) { keys } else { VALUES };
                (*rng.pick(values)).to_owned()
            }),
            timestamp,
            headers: Vec::new(),
        };
        if rng.chance(10)
            && let Some(last) = &last_record
        {
            // Exactly the same once more.
            record = last.clone();
        }
        if rng.chance(12) {
            record.headers.push(((*rng.pick(&["h", "i"])).to_owned(), (*rng.pick(&["1", "2"])).to_owned()));
        }
        last_record = Some(record.clone());
        steps.push(Step::Record(record));
    }
    if length > 0 && rng.chance(TO_THE_END) {
        let streams = topics.iter().filter(|(_, is_table)| !is_table).map(|(topic, _)| topic);
        steps.extend(the_end(rng, &marks, latest, keys, &streams.collect::<Vec<_>>()));
    }
    steps
}

/// Time advances: two records of each stream, so late that windows are closed and limits reached.
fn the_end(rng: &mut Rng, marks: &[i64], latest: i64, keys: &[&str], streams: &[&String]) -> Vec<Step> {
    let longest = marks.iter().max().copied().unwrap_or_default();
    let gap = if rng.chance(25) { FAR_MS } else { 2 * longest + 1 };
    let mut steps = Vec::new();
    for round in 1..=2 {
        // What looks at closed windows now and then must be allowed to look again.
        steps.push(Step::Advance { advance_ms: 1000 });
        for topic in streams {
            let (key, value) = (Some((*rng.pick(keys)).to_owned()), Some("end".to_owned()));
            let (topic, timestamp) = ((*topic).clone(), latest + round * gap);
            steps.push(Step::Record(Input { topic, key, value, timestamp, headers: Vec::new() }));
        }
    }
    steps
}

/// The topics that the topology reads, and whether as tables.
fn topics(ops: &[Op]) -> Vec<(String, bool)> {
    let sources = ops.iter().filter(|op| op.inputs.is_empty());
    // Kafka's driver counts offsets over all topics of a pattern: where they can be seen, one topic has all records.
    let shows_offsets = |op: &Op| {
        let buffers = ["suppress", "_final", "as_of_"];
        op.op.starts_with("process") || buffers.iter().any(|part| op.op.contains(part))
    };
    let offsets_are_seen = ops.iter().any(shows_offsets);
    let topics = |op: &Op| {
        let one = offsets_are_seen && op.text("pattern").is_some();
        let is_table = !op.op.starts_with("stream");
        let topics = op.topics().into_iter().take(if one { 1 } else { usize::MAX });
        topics.map(|topic| (topic, is_table)).collect::<Vec<_>>()
    };
    sources.flat_map(topics).collect()
}

//! Another process has the directory, writes transactions into it and is killed in the middle.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

/// Set in the child only: the directory that it writes to.
const DIRECTORY: &str = "EMBEDDED_KILL_TEST_DIRECTORY";
const CHILD: &str = "transport::embedded::tests::kill::child_writes_until_it_is_killed";

/// No test of its own: the body of the child process, which is this test binary run again.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIRECTORY) else { return };
    let broker = EmbeddedBroker::open(Path::new(&dir)).unwrap();
    create(&broker, "t", 2);
    let mut writer = transactional(&broker, "x");
    let source = TopicPartition::new("source", 0);
    let first = group_offset(&broker, "g", &source).unwrap().unwrap_or(0);
    for round in first.. {
        writer.begin().unwrap();
        for partition in 0..2 {
            for _ in 0..3 {
                send(&mut *writer, &TopicPartition::new("t", partition), "k", &round.to_string()).unwrap();
            }
            writer.flush(NOW).unwrap();
        }
        writer.send_offsets(&[next_offset(&source, round + 1)], &nobody("g"), NOW).unwrap();
        writer.commit(NOW).unwrap();
        println!("\ncommitted {round}");
    }
}

fn start(dir: &Path) -> Child {
    let arguments = ["--exact", CHILD, "--nocapture"];
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(arguments).env(DIRECTORY, dir).stdout(Stdio::piped()).spawn().unwrap()
}

/// Reads what the child acknowledges until `commits` more are there; the last one.
fn acknowledged(lines: &mut impl Iterator<Item = std::io::Result<String>>, commits: usize) -> Option<i64> {
    let rounds = lines.filter_map(|line| line.ok()?.strip_prefix("committed ")?.parse().ok());
    rounds.take(commits).last()
}

#[test]
fn a_killed_process_leaves_exactly_its_committed_transactions() {
    let dir = tempfile::tempdir().unwrap();
    for commits in [1, 57, 200] {
        let mut child = start(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seen = acknowledged(&mut lines, commits).unwrap();

        let refused = EmbeddedBroker::open(dir.path()).unwrap_err();
        let pid = format!("pid {}", child.id());
        assert!(refused.to_string().contains(&pid), "{refused}");
        assert!(refused.to_string().contains(&dir.path().display().to_string()), "{refused}");

        child.kill().unwrap();
        child.wait().unwrap();
        let last = acknowledged(&mut lines, usize::MAX).unwrap_or(seen);

        let broker = EmbeddedBroker::open(dir.path()).unwrap();
        let next = group_offset(&broker, "g", &TopicPartition::new("source", 0)).unwrap().unwrap();
        assert!(next == last + 1 || next == last + 2, "{last} was acknowledged, {next} comes next");
        let expected: Vec<String> =
            (0..next).flat_map(|round| [round; 3]).map(|round| round.to_string()).collect();
        for partition in 0..2 {
            let of = TopicPartition::new("t", partition);
            assert_eq!(committed_values(&broker, &of), expected);
            assert_eq!(read_all(&broker, &of, Isolation::ReadUncommitted).0.len(), expected.len());
        }
    }
}

//! How much stack a record needs: it passes its nodes depth first, each node within the call of the one before.
//!
//! A stack that overflows ends the process without a word, so what may not fit is refused before the first record.

/// The stack of a thread of an application. Only what is used takes memory.
pub(crate) const THREAD_BYTES: usize = 64 << 20;

/// What a node may take. Without optimisation one of the Processor API takes 5 KB, and one of a chain of tables 8 KB.
#[cfg(any(test, feature = "testing"))]
const NODE_BYTES: usize = 16 << 10;

/// The longest chain of nodes: half of what fits, as a join may look a value up along another chain.
pub(crate) const CHAIN_MAX: usize = THREAD_BYTES / (32 << 10);

/// What a thread has that is not known: Rust's default.
#[cfg(any(test, feature = "testing"))]
const DEFAULT_BYTES: usize = 2 << 20;

/// How many nodes of a chain fit on what is left of this thread's stack.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn nodes_left() -> usize {
    left().unwrap_or(DEFAULT_BYTES) / NODE_BYTES
}

/// The bytes between this call and the end of the stack. `None` where the system does not say.
#[cfg(any(test, feature = "testing"))]
fn left() -> Option<usize> {
    let local = 0_u8;
    let here = std::ptr::from_ref(&local).addr();
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let (start, end, is_main) = maps.lines().find_map(|line| {
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        (start..end).contains(&here).then(|| (start, end, line.ends_with("[stack]")))
    })?;
    if !is_main {
        return Some(here - start);
    }
    // The main thread's stack grows, up to a limit.
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max stack size"))?;
    let limit = limit.split_whitespace().next()?.parse().unwrap_or(usize::MAX);
    Some(limit.saturating_sub(end - here))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::Builder;

    use super::*;
    use crate::config::StreamsConfig;
    use crate::error::Result;
    use crate::processor::{Processor, ProcessorContext, ProcessorResult, SourceOptions};
    use crate::record::Record;
    use crate::runtime::KafkaStreams;
    use crate::serde::DefaultSerde;
    use crate::testing::TopologyTestDriver;
    use crate::topology::Topology;

    /// Passes records on, and notes the lowest address that it runs at.
    struct Pass(Arc<AtomicUsize>);

    impl Processor<String, String, String, String> for Pass {
        fn process(
            &mut self,
            record: Record<String, String>,
            context: &mut ProcessorContext<'_, String, String>,
        ) -> ProcessorResult {
            let local = 0_u8;
            self.0.fetch_min(std::ptr::from_ref(&local).addr(), Ordering::Relaxed);
            context.forward(record)
        }
    }

    /// A source and processors, `nodes` in all.
    fn chain(nodes: usize, lowest: &Arc<AtomicUsize>) -> Topology {
        let mut topology = Topology::new();
        let text = || String::default_serde();
        let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
        topology.add_source("n1", &["in"], None, from).unwrap();
        for node in 2..=nodes {
            let lowest = Arc::clone(lowest);
            let parent = format!("n{}", node - 1);
            topology
                .add_processor(&format!("n{node}"), move |_| Ok(Pass(Arc::clone(&lowest))), &[&parent])
                .unwrap();
        }
        topology
    }

    fn on_a_stack_of<T: Send + 'static>(bytes: usize, run: impl FnOnce() -> T + Send + 'static) -> T {
        Builder::new().stack_size(bytes).spawn(run).unwrap().join().unwrap()
    }

    /// Sends a record through a chain of that length. Returns how many bytes of stack it took.
    fn driven(nodes: usize) -> Result<usize> {
        let local = 0_u8;
        let lowest = Arc::new(AtomicUsize::new(usize::MAX));
        let driver = TopologyTestDriver::of(chain(nodes, &lowest))?;
        driver.create_input_topic::<String, String>("in").pipe("k".into(), "v".into(), 0)?;
        driver.restart()?;
        Ok(std::ptr::from_ref(&local).addr() - lowest.load(Ordering::Relaxed))
    }

    /// Before: the process ended.
    #[test]
    fn a_driver_refuses_a_chain_that_its_thread_cannot_carry() {
        on_a_stack_of(2 << 20, || driven(100).unwrap());
        let error = on_a_stack_of(2 << 20, || driven(600).unwrap_err().to_string());
        for part in ["600 nodes, from n1 to n600", "stack_size(64 << 20)", "RUST_MIN_STACK=67108864"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        on_a_stack_of(THREAD_BYTES, || driven(600).unwrap());
    }

    #[test]
    fn the_longest_chain_takes_a_fraction_of_the_stack() {
        let used = on_a_stack_of(THREAD_BYTES, || driven(CHAIN_MAX).unwrap());
        assert!(used / CHAIN_MAX <= NODE_BYTES / 2, "{} bytes a node", used / CHAIN_MAX);
    }

    /// Before: the process ended with the first record. On a small stack, as nothing of it may be recursive.
    #[test]
    fn a_longer_chain_is_refused_when_the_application_is_built() {
        let (built, driven, described) = on_a_stack_of(256 << 10, || {
            let topology = chain(30_000, &Arc::default());
            let described = topology.describe().to_string();
            let built = KafkaStreams::builder(topology, StreamsConfig::new("a", "embedded:")).build();
            (built.err().unwrap().to_string(), driven(30_000).unwrap_err().to_string(), described)
        });
        assert!(described.contains("n30000"));
        for error in [built, driven] {
            for part in ["30000 nodes, from n1 to n30000", "at most 2048"] {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
        assert!(chain(CHAIN_MAX, &Arc::default()).validate().is_ok());
    }

    #[test]
    fn the_stack_of_a_thread_is_known() {
        if cfg!(target_os = "linux") {
            for bytes in [256 << 10, 2 << 20, 64 << 20] {
                let left = on_a_stack_of(bytes, || left().unwrap());
                assert!(left > bytes / 2, "{left} of {bytes}");
            }
        }
    }
}

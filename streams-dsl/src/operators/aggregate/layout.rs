//! What the aggregation of windows of a fixed length needs to know about them.

use std::sync::Arc;

use streams_core::processor::{Data, InitContext, Processor, ProcessorResult};
use streams_core::record::Change;
use streams_core::window::Windowed;

use super::draft::Aggregation;
use super::fold::Fold;
use super::sliding_window_processor::SlidingWindowProcessor;
use super::time_window_processor::TimeWindowProcessor;
use crate::windows::{EmitStrategy, SlidingWindows, TimeWindows, UnlimitedWindows, Windows};

/// Windows of a fixed length. What differs between their kinds is how a record finds its windows: its processor.
pub trait Layout: Copy + Send + Sync + 'static {
    /// Whether `count_with` an unnamed store takes one more number.
    const COUNT_BURNS_A_NAME: bool;

    /// Whether the store may have a record cache where windows are emitted when they close. No update waits in it, but
    /// windows that the store keeps no longer are still found there, and emitted.
    const CACHED_ON_CLOSE: bool;

    /// How long each window is.
    fn length_ms(&self) -> i64;

    /// For how long after its end a window still takes late records.
    fn late_ms(&self) -> i64;

    /// For how long the store must keep windows after their start.
    fn kept_ms(&self) -> i64;

    /// What is wrong with the definition, if anything.
    fn mistake(&self) -> Result<(), String>;

    /// Whether windows ever close.
    fn closes(&self) -> bool;

    /// The processor of one task.
    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emit: EmitStrategy,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, Windowed<K>, Change<A>> + use<Self, K, V, A, F>>;
}

/// The layout of windows that can be listed for a timestamp.
macro_rules! listed {
    ($windows:ty, closes: $closes:literal) => {
        impl Layout for $windows {
            const COUNT_BURNS_A_NAME: bool = true;
            const CACHED_ON_CLOSE: bool = true;

            fn length_ms(&self) -> i64 {
                self.size_ms()
            }

            fn late_ms(&self) -> i64 {
                self.grace_ms()
            }

            fn kept_ms(&self) -> i64 {
                self.size_ms().saturating_add(self.grace_ms())
            }

            fn mistake(&self) -> Result<(), String> {
                self.check()
            }

            fn closes(&self) -> bool {
                $closes
            }

            fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
                self,
                aggregation: Arc<Aggregation<K, V, A, F>>,
                emit: EmitStrategy,
                send_old_values: bool,
                context: &mut InitContext<'_>,
            ) -> ProcessorResult<impl Processor<K, V, Windowed<K>, Change<A>> + use<K, V, A, F>> {
                TimeWindowProcessor::open(aggregation, self, emit, send_old_values, context)
            }
        }
    };
}

listed!(TimeWindows, closes: true);
listed!(UnlimitedWindows, closes: false);

impl Layout for SlidingWindows {
    const COUNT_BURNS_A_NAME: bool = false;
    const CACHED_ON_CLOSE: bool = false;

    fn length_ms(&self) -> i64 {
        self.time_difference_ms()
    }

    fn late_ms(&self) -> i64 {
        self.grace_ms()
    }

    // A record may have to make a window that starts after a record two time differences before it.
    fn kept_ms(&self) -> i64 {
        self.time_difference_ms().saturating_mul(2).saturating_add(self.grace_ms())
    }

    fn mistake(&self) -> Result<(), String> {
        self.check()
    }

    fn closes(&self) -> bool {
        true
    }

    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emit: EmitStrategy,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, Windowed<K>, Change<A>> + use<K, V, A, F>> {
        SlidingWindowProcessor::open(aggregation, self, emit, send_old_values, context)
    }
}

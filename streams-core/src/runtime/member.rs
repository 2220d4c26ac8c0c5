//! The process's membership as its stream threads use it for commits: the process may leave the group and join again, and a
//! thread may have lost its tasks without having noticed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::kafka_streams::lock;
use super::stats::ThreadStats;
use crate::transport::{Fence, Group, OffsetToCommit, Result, TransportError, TransportErrorKind};

/// The current membership, if there is one.
#[derive(Default)]
pub(crate) struct CurrentGroup(Mutex<Option<Arc<dyn Group>>>);

impl CurrentGroup {
    /// Sets the current membership, or none.
    pub fn set(&self, group: Option<Arc<dyn Group>>) {
        *lock(&self.0) = group;
    }

    fn get(&self) -> Result<Arc<dyn Group>> {
        lock(&self.0).clone().ok_or_else(|| {
            TransportError::new(TransportErrorKind::Retriable, "fence of the group", "not a member for now")
        })
    }
}

/// The group as one stream thread uses it for commits.
pub(crate) struct ThreadGroup {
    group: Arc<CurrentGroup>,
    stats: Arc<ThreadStats>,
}

impl ThreadGroup {
    pub fn new(group: Arc<CurrentGroup>, stats: Arc<ThreadStats>) -> Self {
        ThreadGroup { group, stats }
    }

    fn check(&self) -> Result<()> {
        if !self.stats.is_expelled() {
            return Ok(());
        }
        let reason =
            "the thread took longer than max.poll.interval.ms for one call, and its tasks were given up";
        Err(TransportError::new(TransportErrorKind::Fenced, "fence of the group", reason))
    }
}

impl Group for ThreadGroup {
    /// Checks after the fence is taken whether the thread has been expelled. So a commit that passes here has the fence of an
    /// earlier generation, which the group refuses once it has assigned the tasks to others.
    fn fence(&self) -> Result<Fence> {
        // Before as well: an expelled thread must not wait until the process is a member again.
        self.check()?;
        let fence = self.group.get()?.fence()?;
        self.check()?;
        Ok(fence)
    }

    fn commit(&self, fence: &Fence, offsets: &[OffsetToCommit], timeout: Duration) -> Result<()> {
        self.group.get()?.commit(fence, offsets, timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Group for Fixed {
        fn fence(&self) -> Result<Fence> {
            Ok(Fence { group: "app".into(), member: "m".into(), generation: 1, instance: None })
        }

        fn commit(&self, _: &Fence, _: &[OffsetToCommit], _: Duration) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_thread_commits_only_as_a_member_and_only_while_it_has_its_tasks() {
        let (current, stats) = (Arc::new(CurrentGroup::default()), Arc::new(ThreadStats::default()));
        let group = ThreadGroup::new(Arc::clone(&current), Arc::clone(&stats));
        let kind =
            |group: &ThreadGroup| group.fence().map_err(|error| error.kind()).map(|fence| fence.generation);
        assert_eq!(kind(&group), Err(TransportErrorKind::Retriable));
        current.set(Some(Arc::new(Fixed)));
        assert_eq!(kind(&group), Ok(1));
        stats.expel();
        assert_eq!(kind(&group), Err(TransportErrorKind::Fenced));
        stats.readmit();
        assert_eq!(kind(&group), Ok(1));
        current.set(None);
        assert_eq!(kind(&group), Err(TransportErrorKind::Retriable));
    }
}

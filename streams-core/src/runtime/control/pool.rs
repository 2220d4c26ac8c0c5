//! Stream threads that come and go while the group is served.

use std::sync::Arc;

use super::{Dispatcher, ThreadHandle};
use crate::error::{Error, IllegalStateError, Result};
use crate::runtime::stream_thread::Command;
use crate::transport::MembershipHandler;

impl Dispatcher {
    /// How many threads there are.
    pub fn len(&self) -> usize {
        self.threads.len()
    }

    /// Adds a thread, which takes over its part of the tasks.
    pub fn add(&mut self, thread: ThreadHandle) {
        self.threads.push(thread);
        self.is_emptied = false;
        if let Some(tasks) = self.assigned.clone() {
            self.assigned(&tasks);
        }
    }

    /// Ends the last thread that answers, and returns its name: it commits and closes its tasks, and the others take them
    /// over. `None` if there is no thread.
    pub fn retire(&mut self) -> Result<Option<String>> {
        let Some(thread) = self.threads.iter().rfind(|thread| thread.is_free()) else {
            return if self.threads.is_empty() { Ok(None) } else { Err(IllegalStateError::NoAnswer.into()) };
        };
        let (name, tasks) = (thread.name.clone(), thread.tasks.clone());
        let assigned = self.assigned.clone();
        self.take_away(&tasks, Command::Revoke);
        self.assigned = assigned;
        let at = self.threads.iter().position(|thread| thread.name == name && thread.is_free());
        if let Some(at) = at {
            self.threads.remove(at).send(Command::Stop);
            self.is_emptied = self.threads.is_empty();
        }
        if let Some(tasks) = self.assigned.clone() {
            self.hand_out(&tasks);
        }
        match at {
            Some(_) => Ok(Some(name)),
            None => Err(IllegalStateError::NoAnswer.into()),
        }
    }

    /// The threads that have ended with an error and are to be replaced, by number.
    pub fn failed(&self) -> Vec<(usize, Arc<Error>)> {
        let dead = self.threads.iter().filter(|thread| !thread.is_alive());
        dead.filter_map(|thread| Some((thread.number, thread.stats.replaceable_after()?))).collect()
    }

    /// Puts a thread in the place of one that has ended.
    pub fn replace(&mut self, number: usize, by: ThreadHandle) {
        self.threads.retain(|thread| thread.number != number);
        self.add(by);
    }

    /// Whether there is no thread because the user removed all.
    pub fn is_emptied(&self) -> bool {
        self.is_emptied
    }
}

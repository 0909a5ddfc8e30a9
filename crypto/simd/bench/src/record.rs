// SPDX-License-Identifier: GPL-2.0
//! The times that one run measured. One [`Records`] lives for one run.
use std::cell::RefCell;
use std::time::Duration;

/// Slices of a sample that took less say more about the clock than about what was timed.
pub const SHORTEST: Duration = Duration::from_micros(100);

/// What was timed: the same for all who did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// "seal", "open", "x25519", "blake2s".
    pub kind: &'static str,
    /// The variant of it, if there are several.
    pub variant: &'static str,
    /// Length of a message.
    pub len: usize,
    /// Messages in one call.
    pub count: usize,
}

impl Task {
    /// How the task is called for filters: `seal/1420x4`.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = self.kind.to_string();
        if !self.variant.is_empty() {
            name = format!("{name}/{}", self.variant);
        }
        match (self.kind, self.len, self.count) {
            ("x25519", ..) => name,
            (_, len, 1) => format!("{name}/{len}"),
            (_, len, count) => format!("{name}/{len}x{count}"),
        }
    }
}

/// Who did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who {
    /// The name of a back end of ours or of a library.
    pub name: &'static str,
    /// A back end of ours.
    pub ours: bool,
}

/// The quickest slice of one task by one of them.
#[derive(Clone, Copy, Debug)]
struct Record {
    task: Task,
    who: Who,
    nanoseconds: f64,
}

/// The times of a run.
#[derive(Debug, Default)]
pub struct Records(RefCell<Vec<Record>>);

impl Records {
    /// Notes that `messages` messages took so long.
    pub fn add(&self, task: Task, who: Who, messages: u64, time: Duration) {
        if time < SHORTEST {
            return;
        }
        let nanoseconds = time.as_nanos() as f64 / messages as f64;
        let mut records = self.0.borrow_mut();
        // Whatever else the machine does makes a sample longer, never shorter.
        match records.iter_mut().find(|r| r.task == task && r.who == who) {
            Some(record) => record.nanoseconds = record.nanoseconds.min(nanoseconds),
            None => records.push(Record {
                task,
                who,
                nanoseconds,
            }),
        }
    }

    /// Every task of a kind, in the order in which they were timed.
    #[must_use]
    pub fn tasks(&self, kind: &str) -> Vec<Task> {
        let mut tasks = Vec::new();
        for record in self.0.borrow().iter().filter(|r| r.task.kind == kind) {
            if !tasks.contains(&record.task) {
                tasks.push(record.task);
            }
        }
        tasks
    }

    /// Everybody who did something of a kind.
    #[must_use]
    pub fn everybody(&self, kind: &str) -> Vec<Who> {
        let mut all = Vec::new();
        for record in self.0.borrow().iter().filter(|r| r.task.kind == kind) {
            if !all.contains(&record.who) {
                all.push(record.who);
            }
        }
        all
    }

    /// Nanoseconds for one message.
    #[must_use]
    pub fn time(&self, task: Task, who: &str) -> Option<f64> {
        let records = self.0.borrow();
        let mut found = records
            .iter()
            .filter(|r| r.task == task && r.who.name == who);
        found.next().map(|r| r.nanoseconds)
    }

    /// The quickest of the others.
    #[must_use]
    pub fn fastest_peer(&self, task: Task) -> Option<(&'static str, f64)> {
        let records = self.0.borrow();
        let peers = records.iter().filter(|r| r.task == task && !r.who.ours);
        peers
            .map(|r| (r.who.name, r.nanoseconds))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

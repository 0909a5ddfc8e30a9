// SPDX-License-Identifier: GPL-2.0
//! What a run shows at its end: a table of ratios on the terminal, and the same with all times and
//! plots as a page.
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::plot::{self, Series};
use crate::record::{Records, Task, Who};

/// A ratio that the project set out to reach.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Of what.
    pub task: Task,
    /// Our back end.
    pub ours: &'static str,
    /// Beside whom.
    pub peer: &'static str,
    /// At most this.
    pub ratio: f64,
}

/// The kinds of tasks, with what they are called on the page.
const KINDS: [(&str, &str); 4] = [
    ("seal", "ChaCha20-Poly1305, sealing"),
    ("open", "ChaCha20-Poly1305, opening"),
    ("x25519", "X25519"),
    ("blake2s", "BLAKE2s"),
];

fn what(task: &Task) -> String {
    match (task.kind, task.count) {
        ("x25519", _) => task.variant.to_string(),
        ("blake2s", _) => format!("{} {}", task.variant, task.len),
        (_, 1) => format!("{}", task.len),
        (_, count) => format!("{} in {count}", task.len),
    }
}

fn number(nanoseconds: f64) -> String {
    if nanoseconds < 100.0 {
        format!("{nanoseconds:.1}")
    } else {
        format!("{nanoseconds:.0}")
    }
}

/// Our ratios to the fastest peer, as plain text.
#[must_use]
pub fn table(records: &Records) -> String {
    let mut out = String::new();
    for (kind, title) in KINDS {
        let tasks = records.tasks(kind);
        if tasks.is_empty() {
            continue;
        }
        let everybody = records.everybody(kind);
        let ours: Vec<&Who> = everybody.iter().filter(|who| who.ours).collect();
        let _ = write!(out, "\n{title}\n{:>18} {:>22}", "", "fastest peer, ns");
        for who in &ours {
            let _ = write!(out, " {:>9}", who.name);
        }
        out.push('\n');
        for task in &tasks {
            let peer = records.fastest_peer(*task);
            let named = peer.map_or("-".to_string(), |(name, time)| {
                format!("{name} {:>7}", number(time))
            });
            let _ = write!(out, "{:>18} {named:>22}", what(task));
            for who in &ours {
                let ratio = match (records.time(*task, who.name), peer) {
                    (Some(time), Some((_, peer))) => format!("{:.2}", time / peer),
                    (Some(time), None) => format!("{} ns", number(time)),
                    (None, _) => "-".to_string(),
                };
                let _ = write!(out, " {ratio:>9}");
            }
            out.push('\n');
        }
    }
    out
}

/// The goals and what became of them, as a Markdown table.
#[must_use]
pub fn goals(records: &Records, goals: &[Goal]) -> String {
    let mut out =
        String::from("| what | ours | beside | goal | measured |\n|---|---|---|---|---|\n");
    for goal in goals {
        let times = (
            records.time(goal.task, goal.ours),
            records.time(goal.task, goal.peer),
        );
        let (Some(ours), Some(peer)) = times else {
            continue;
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {:.2} | {:.2} |",
            goal.task.name(),
            goal.ours,
            goal.peer,
            goal.ratio,
            ours / peer
        );
    }
    out
}

/// All times of a kind, and our ratios, as a Markdown table.
fn times(records: &Records, kind: &str, clock: f64) -> String {
    let everybody = records.everybody(kind);
    let mut out = String::from("| |");
    let mut rule = String::from("|---|");
    for who in &everybody {
        let _ = write!(out, " {} |", who.name);
        rule.push_str("---:|");
    }
    for who in everybody.iter().filter(|who| who.ours) {
        let _ = write!(out, " {} / best |", who.name);
        rule.push_str("---:|");
    }
    let _ = writeln!(out, " cycles a byte, ours best |\n{rule}---:|");
    for task in records.tasks(kind) {
        let _ = write!(out, "| {} |", what(&task));
        let mut best = f64::MAX;
        for who in &everybody {
            let time = records.time(task, who.name);
            if who.ours {
                best = best.min(time.unwrap_or(f64::MAX));
            }
            let _ = write!(out, " {} |", time.map_or("-".to_string(), number));
        }
        for who in everybody.iter().filter(|who| who.ours) {
            let ratio = records
                .time(task, who.name)
                .zip(records.fastest_peer(task))
                .map_or("-".to_string(), |(time, (_, peer))| {
                    format!("{:.2}", time / peer)
                });
            let _ = write!(out, " {ratio} |");
        }
        let per_byte = match task.len {
            0 => "-".to_string(),
            len => format!("{:.2}", best * clock / len as f64),
        };
        let _ = writeln!(out, " {per_byte} |");
    }
    out
}

fn curves(records: &Records, kind: &str) -> Vec<Series> {
    let tasks = records.tasks(kind);
    let curve = |who: &Who| Series {
        name: who.name.to_string(),
        ours: who.ours,
        points: tasks
            .iter()
            .filter(|task| task.count == 1 && task.len > 0)
            .filter_map(|task| {
                let time = records.time(*task, who.name)?;
                Some((task.len as f64, time / task.len as f64))
            })
            .collect(),
    };
    records.everybody(kind).iter().map(curve).collect()
}

fn bars(records: &Records, tasks: &[Task], scale: f64) -> (Vec<String>, Vec<Series>) {
    let groups = tasks.iter().map(what).collect();
    let kind = tasks.first().map_or("", |task| task.kind);
    let series = |who: &Who| Series {
        name: who.name.to_string(),
        ours: who.ours,
        points: tasks
            .iter()
            .enumerate()
            .filter_map(|(i, task)| Some((i as f64, records.time(*task, who.name)? / scale)))
            .collect(),
    };
    (groups, records.everybody(kind).iter().map(series).collect())
}

/// Writes `<name>.md` into a folder, and its plots into one of its name there.
pub fn write(
    folder: &Path,
    name: &str,
    records: &Records,
    wanted: &[Goal],
    machine: &[String],
    clock: f64,
) -> io::Result<()> {
    fs::create_dir_all(folder.join(name))?;
    let mut page = String::from(
        "<!-- Written by `make bench`. -->\n# The cryptography beside others\n\n\
         One run of `make bench`, everybody in the same one; nanoseconds for one message, the quickest of\n\
         many slices of a tenth of a millisecond. `in 4` and `in 16` are so many messages in one call. `/ best` is the ratio of our time to that\n\
         of the fastest library, lower is better. Keys are set up outside the loops; sealing is in place, opening goes\n\
         from one buffer to another. `portable` is the code of processors without vector units and of places\n\
         where a kernel may not use them.\n\n",
    );
    for line in machine {
        let _ = writeln!(page, "- {line}");
    }
    let _ = write!(page, "\n## Goals\n\n{}", goals(records, wanted));
    for (kind, title) in KINDS {
        let tasks = records.tasks(kind);
        if tasks.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n");
        let mut plot = |plot: &str, svg: String| {
            let _ = write!(page, "![{plot}]({name}/{plot}.svg)\n\n");
            fs::write(folder.join(format!("{name}/{plot}.svg")), svg)
        };
        if kind == "seal" || kind == "open" {
            let unit = "nanoseconds a byte";
            plot(kind, plot::curves(title, unit, &curves(records, kind)))?;
            let lists: Vec<Task> = tasks
                .iter()
                .copied()
                .filter(|task| tasks.iter().any(|t| t.len == task.len && t.count > 1))
                .collect();
            for len in [64, 576, 1420] {
                let lists: Vec<Task> = lists.iter().copied().filter(|t| t.len == len).collect();
                let (groups, series) = bars(records, &lists, 1.0);
                let list = format!("{kind}-{len}");
                let title = format!("{title}: {len} bytes, alone and in lists");
                let unit = "nanoseconds a message";
                plot(&list, plot::bars(&title, unit, &groups, &series))?;
            }
        } else {
            let (groups, series) = bars(records, &tasks, 1000.0);
            plot(kind, plot::bars(title, "microseconds", &groups, &series))?;
        }
        page.push_str(&times(records, kind, clock));
    }
    fs::write(folder.join(format!("{name}.md")), page)
}

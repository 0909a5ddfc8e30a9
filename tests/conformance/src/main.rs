// SPDX-License-Identifier: GPL-2.0

//! `conformance`: asks the WireGuard module that is loaded all that users can observe, and writes
//! down what it says; then compares what two modules said on the same kernel.
//!
//! | command | does |
//! |---|---|
//! | `conformance record FILE [GROUP...]` | asks, and writes the answers to a file |
//! | `conformance compare C OURS LIST` | compares two files; what differs must be in the list |
//!
//! It speaks netlink and raw sockets itself: no other program stands between it and the kernel. It
//! must be root in a machine of its own, as the scenario `conformance` gives it.
#![deny(unsafe_code)]

mod attr;
mod bench;
mod cases;
mod compare;
mod intended;
mod link;
mod netlink;
mod packet;
mod peer;
mod program;
mod record;
mod space;
mod tap;
mod wg;

use anyhow::{bail, Context, Result};
use record::Record;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match *words {
        ["record", file, ref groups @ ..] => record(Path::new(file), groups),
        ["compare", c, ours, list] => compare(Path::new(c), Path::new(ours), Path::new(list)),
        ["child", ref role @ ..] => cases::child(role).map(|()| true),
        _ => Err(anyhow::anyhow!(
            "usage: conformance record FILE [GROUP...] | conformance compare C OURS LIST"
        )),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Asks the groups of these names, or all; each in a namespace of its own.
fn record(file: &Path, names: &[&str]) -> Result<bool> {
    let mut record = Record::new()?;
    if let Some(name) = names
        .iter()
        .find(|name| !cases::GROUPS.iter().any(|group| group.0 == **name))
    {
        bail!("no group is called {name}");
    }
    for (name, group) in cases::GROUPS {
        if !names.is_empty() && !names.contains(name) {
            continue;
        }
        let (start, before) = (Instant::now(), record.cases().len());
        let space = space::Space::new()?;
        space
            .within(|| group(&mut record))
            .with_context(|| format!("the group {name}"))?;
        let (count, seconds) = (record.cases().len() - before, start.elapsed().as_secs_f64());
        println!("{name}: {count} cases, {seconds:.1} s");
    }
    record.save(file)?;
    Ok(true)
}

/// Whether nothing differs but what the list has.
fn compare(c: &Path, ours: &Path, list: &Path) -> Result<bool> {
    let list = intended::load(list)?;
    let (c, ours) = (Record::load(c)?, Record::load(ours)?);
    let verdict = compare::compare(&c, &ours, &list);
    for failure in &verdict.failures {
        println!("{failure}");
    }
    for (entry, count) in list.iter().zip(&verdict.intended) {
        if *count > 0 {
            println!("meant, {count} cases: {}", entry.reason);
        }
    }
    let meant: usize = verdict.intended.iter().sum();
    println!(
        "{}: {} cases the same, {meant} differ as they are meant to, {} failures",
        c.release,
        verdict.same,
        verdict.failures.len()
    );
    Ok(verdict.failures.is_empty())
}

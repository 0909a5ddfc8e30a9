// SPDX-License-Identifier: GPL-2.0

//! The page that `vm matrix` writes, `docs/compatibility.md`: kernels, suites by kernels, what failed
//! and what was left out and why, and configurations that were only built against.

use crate::kernel::{Kernel, Runs, Source};
use crate::matrix::{Column, Configurations, Found};
use crate::scenario::Scenario;
use crate::suite::Fate;
use crate::workplace;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write;

type Columns = [(Column, Found)];

/// The whole page.
pub(crate) fn write(columns: &Columns, configurations: &Configurations) -> Result<String> {
    let mut page = String::from(
        "# Compatibility\n\n\
         Written by `make test-matrix` (`target/release/vm matrix`) from what it saw; not by hand. A number is so many\n\
         cases passed; each boots fresh machines, and passes only if every kernel log stayed clean, no kernel became\n\
         tainted (but by an unsigned module from outside) and the module could be removed. An empty field: not run.\n\n",
    );
    let seen: Vec<_> = columns
        .iter()
        .filter(|(_, found)| !found.release.is_empty())
        .collect();
    page.push_str("## Kernels\n\n");
    page.push_str(
        "| name | kernel | from | built by | our module | code, KiB |\n|---|---|---|---|---|---|\n",
    );
    for (column, found) in &seen {
        let module = if found.complaint.is_empty() {
            format!(
                "built without a warning: {}, rustc {}",
                found.world,
                found.rustc.trim_start_matches("rustc ")
            )
        } else {
            "**not built**".to_owned()
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {module} | {} |",
            column.name(),
            found.release,
            origin(column.kernel),
            found.compiler,
            found.text / 1024
        );
    }
    let scenarios = Scenario::load_all(&workplace::repository().join("tests"))?;
    page.push_str("\n## Suites by kernels\n\n| suite |");
    for (column, _) in &seen {
        let _ = write!(page, " {} |", column.name());
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(seen.len()));
    page.push('\n');
    for scenario in &scenarios {
        let cells: Vec<_> = seen
            .iter()
            .map(|(column, found)| cell(scenario, column.kernel, found))
            .collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let _ = writeln!(page, "| `{}` | {} |", scenario.name, cells.join(" | "));
    }
    let totals: Vec<_> = seen.iter().map(|(_, found)| total(found)).collect();
    let _ = writeln!(page, "| all | {} |", totals.join(" | "));
    let revisions: Vec<_> = seen.iter().map(|(_, found)| revisions(found)).collect();
    let _ = writeln!(page, "| revision | {} |", revisions.join(" | "));
    page.push_str("\nWhat each suite shows:\n\n");
    for scenario in &scenarios {
        let _ = writeln!(page, "- `{}`: {}", scenario.name, scenario.about);
    }
    remarks(&mut page, &seen);
    built_only(&mut page, configurations);
    page.push_str(
        "\n## Not tried\n\n\
         Linux 5.4 to 5.9: no Debian suite in reach has headers of them. 5.15 and other versions between those\n\
         above, hardware, arm64: not run.\n",
    );
    Ok(page)
}

fn origin(kernel: &Kernel) -> &'static str {
    match (kernel.source, kernel.runs) {
        (Source::Debian { .. }, _) => "Debian's own image and headers, in QEMU",
        (_, Runs::Uml) => "Debian's source, built here as User-Mode Linux",
        (_, Runs::Qemu) => "Debian's source, built here, in QEMU",
    }
}

/// What one suite came to on one kernel.
fn cell(scenario: &Scenario, kernel: &Kernel, found: &Found) -> String {
    let tests = || {
        let named = |name: &str| name.split('/').next() == Some(scenario.name.as_str());
        let tests = found.tests.iter();
        tests.filter(move |(name, _)| named(name))
    };
    if tests().next().is_none() {
        // Clocks that jump are for the suites made for them, and for those only.
        let apart = scenario.travels != kernel.travels();
        return if apart { "-" } else { "" }.to_owned();
    }
    count(tests().map(|(_, noted)| &noted.fate))
}

fn total(found: &Found) -> String {
    count(found.tests.values().map(|noted| &noted.fate))
}

/// "3", "2, **1 failed**, 1 skipped".
fn count<'a>(fates: impl Iterator<Item = &'a Fate>) -> String {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for fate in fates {
        match fate {
            Fate::Passed => passed += 1,
            Fate::Failed(_) => failed += 1,
            Fate::Skipped(_) => skipped += 1,
        }
    }
    let mut parts = Vec::new();
    if passed > 0 {
        parts.push(passed.to_string());
    }
    if failed > 0 {
        parts.push(format!("**{failed} failed**"));
    }
    if skipped > 0 {
        parts.push(format!("{skipped} skipped"));
    }
    parts.join(", ")
}

/// The revisions that the tests were run at, each once.
fn revisions(found: &Found) -> String {
    let mut all: Vec<&str> = Vec::new();
    for noted in found.tests.values() {
        let short = noted.revision.get(..8).unwrap_or(&noted.revision);
        if !all.contains(&short) {
            all.push(short);
        }
    }
    all.join(" ")
}

/// What failed, and what was left out, with reasons.
fn remarks(page: &mut String, seen: &[&(Column, Found)]) {
    let mut failed = String::new();
    let mut skipped: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (column, found) in seen {
        if !found.complaint.is_empty() {
            let _ = writeln!(
                failed,
                "- {}: the build: {}",
                column.name(),
                found.complaint
            );
        }
        for (name, noted) in &found.tests {
            match &noted.fate {
                Fate::Passed => {}
                Fate::Failed(problems) => {
                    let _ = writeln!(
                        failed,
                        "- {}, {name}: {}",
                        column.name(),
                        problems.join("; ").replace('\n', " ")
                    );
                }
                Fate::Skipped(reason) => skipped
                    .entry(reason.clone())
                    .or_default()
                    .push(format!("{name} on {}", column.name())),
            }
        }
    }
    if !failed.is_empty() {
        let _ = write!(page, "\n## What failed\n\n{failed}");
    }
    if !skipped.is_empty() {
        page.push_str("\n## What was skipped, and why\n\n");
        for (reason, tests) in skipped {
            let _ = writeln!(page, "- {}: {reason}", tests.join(", "));
        }
    }
}

/// Configurations that were built against and not booted.
fn built_only(page: &mut String, configurations: &Configurations) {
    if configurations.built.is_empty() {
        return;
    }
    page.push_str(
        "\n## Built against, not booted\n\n\
         Debian's source, configured as said and prepared (`make modules_prepare`); the list of exported symbols is made\n\
         from the source files that the configuration compiles. Built means: compiled and linked without a warning of\n\
         rustc, gcc, objtool or modpost, every symbol found.\n\n\
         | configuration | Linux | what | revision | |\n|---|---|---|---|---|\n",
    );
    for one in &configurations.built {
        let fate = match &one.fate {
            Fate::Passed => "built",
            _ => "**failed**",
        };
        let short = one.revision.get(..8).unwrap_or(&one.revision);
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {short} | {fate} |",
            one.name, one.version, one.about
        );
    }
}

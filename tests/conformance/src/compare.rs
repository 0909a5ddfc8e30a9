// SPDX-License-Identifier: GPL-2.0

//! Holds two records against each other, and what differs against the list of what is meant to.

use crate::intended::Difference;
use crate::record::Record;
use std::collections::BTreeSet;

/// Cases of one kind that are printed in full; the others only by name.
const SHOWN: usize = 40;

/// What a comparison came to.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Cases with the same answer.
    pub(crate) same: usize,
    /// Cases that differ, for each entry of the list.
    pub(crate) intended: Vec<usize>,
    /// All that is wrong, a text each.
    pub(crate) failures: Vec<String>,
}

/// Compares.
pub(crate) fn compare(c: &Record, ours: &Record, list: &[Difference]) -> Verdict {
    let mut verdict = Verdict {
        intended: vec![0; list.len()],
        ..Verdict::default()
    };
    if c.release != ours.release {
        let text = format!("two kernels: {} and {}", c.release, ours.release);
        verdict.failures.push(text);
    }
    let mut used = BTreeSet::new();
    let names: BTreeSet<_> = c.cases().keys().chain(ours.cases().keys()).collect();
    for name in names {
        let (Some(c_says), Some(we_say)) = (c.cases().get(name), ours.cases().get(name)) else {
            let who = if ours.cases().contains_key(name) {
                "ours"
            } else {
                "C"
            };
            verdict
                .failures
                .push(format!("{name}: only {who} has an answer"));
            continue;
        };
        if c_says == we_say {
            verdict.same += 1;
            continue;
        }
        let entry = list.iter().enumerate().find_map(|(number, entry)| {
            let about = entry.is_about(&c.release);
            let pattern = entry.covers(name, c_says, we_say).filter(|_| about);
            pattern.map(|pattern| (number, pattern))
        });
        match entry {
            Some((number, pattern)) => {
                used.insert((number, pattern));
                if let Some(count) = verdict.intended.get_mut(number) {
                    *count += 1;
                }
            }
            None if verdict.failures.len() < SHOWN => {
                let text = format!("{name} differs\n{}", difference(c_says, we_say));
                verdict.failures.push(text);
            }
            None => verdict.failures.push(format!("{name} differs")),
        }
    }
    for (number, entry) in list.iter().enumerate() {
        if !entry.is_about(&c.release) {
            continue;
        }
        for (pattern, cases) in entry.cases.iter().enumerate() {
            if !used.contains(&(number, pattern)) {
                let text = format!(
                    "{cases} no longer differs, or not as the list says: {}",
                    entry.reason
                );
                verdict.failures.push(text);
            }
        }
    }
    verdict
}

/// The lines of both answers: common ones once, those of one of the two with a sign.
fn difference(c: &str, ours: &str) -> String {
    let (c, ours): (Vec<_>, Vec<_>) = (c.lines().collect(), ours.lines().collect());
    let common = c.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let (c, ours) = (
        c.get(common..).unwrap_or_default(),
        ours.get(common..).unwrap_or_default(),
    );
    let tail = c.iter().rev().zip(ours.iter().rev());
    let tail = tail.take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    if common > 0 {
        text += &format!("        ({common} lines are the same)\n");
    }
    for (sign, lines) in [("C   ", c), ("ours", ours)] {
        for line in lines.get(..lines.len() - tail).unwrap_or_default() {
            text += &format!("    {sign} {line}\n");
        }
    }
    if tail > 0 {
        text += &format!("        ({tail} lines are the same)\n");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::intended::parse;
    use crate::record::of;

    fn list() -> Vec<Difference> {
        parse("[[difference]]\nreason='better'\ncases=['b*', 'z']\nuntil='6.0'").unwrap()
    }

    #[test]
    fn a_difference_must_be_meant() {
        let c = of("7.2", &[("a", "1"), ("b", "1")]);
        let ours = of("7.2", &[("a", "1"), ("b", "2")]);
        let verdict = compare(&c, &ours, &list());
        assert_eq!((verdict.same, verdict.failures.len()), (1, 1));
        assert!(verdict.failures[0].starts_with("b differs"));
    }

    #[test]
    fn an_entry_must_be_true() {
        let c = of("5.10", &[("a", "1"), ("b", "1"), ("z", "1")]);
        let ours = of("5.10", &[("a", "1"), ("b", "2"), ("z", "1")]);
        let verdict = compare(&c, &ours, &list());
        assert_eq!(verdict.intended, [1]);
        assert_eq!(verdict.failures.len(), 1);
        assert!(verdict.failures[0].contains("z no longer differs"));
    }

    #[test]
    fn no_case_is_missing() {
        let verdict = compare(&of("7.2", &[("a", "1")]), &of("7.2", &[]), &[]);
        assert_eq!(verdict.failures, ["a: only C has an answer"]);
    }

    #[test]
    fn only_what_differs_is_shown() {
        let text = difference("x\ny\nz", "x\nw\nz");
        assert_eq!(text.matches("    C    y\n").count(), 1);
        assert_eq!(text.matches("    ours w\n").count(), 1);
        assert!(!text.contains(" x\n"));
    }
}

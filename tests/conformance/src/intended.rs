// SPDX-License-Identifier: GPL-2.0

//! The list of differences that are meant: `intended.toml`.
//!
//! ```toml
//! [[difference]]
//! reason = "why ours is another, in a sentence"
//! cases = ["set/truncated/*"]   # patterns of case names; `*` stands for anything
//! since = "6.1"                 # kernels from here on; all, if it is missing
//! until = "6.19"                # kernels below; all, if it is missing
//! c = "*EINVAL*"                # patterns of the two answers; anything, if one is missing
//! ours = "ok*"
//! ```
//!
//! An entry covers a case only if both answers are as it says; the first entry that does counts. A
//! pattern that covers no difference (on a kernel that its entry speaks of) is out of date, which is a
//! failure.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// One meant difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Difference {
    /// Why.
    pub(crate) reason: String,
    /// Which cases.
    pub(crate) cases: Vec<String>,
    since: Option<String>,
    until: Option<String>,
    c: Option<String>,
    ours: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    difference: Vec<Difference>,
}

/// Reads the list.
pub(crate) fn load(path: &Path) -> Result<Vec<Difference>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    parse(&text).with_context(|| path.display().to_string())
}

pub(crate) fn parse(text: &str) -> Result<Vec<Difference>> {
    Ok(toml::from_str::<File>(text)?.difference)
}

impl Difference {
    /// Whether it speaks of this kernel.
    pub(crate) fn is_about(&self, release: &str) -> bool {
        let version = version(release);
        let since = self
            .since
            .as_deref()
            .is_none_or(|since| version >= self::version(since));
        let until = self
            .until
            .as_deref()
            .is_none_or(|until| version < self::version(until));
        since && until
    }

    /// Which of its patterns covers this case with these answers.
    pub(crate) fn covers(&self, case: &str, c: &str, ours: &str) -> Option<usize> {
        let as_said = |pattern: &Option<String>, answer: &str| {
            pattern
                .as_deref()
                .is_none_or(|pattern| matches(pattern, answer))
        };
        if !as_said(&self.c, c) || !as_said(&self.ours, ours) {
            return None;
        }
        self.cases.iter().position(|pattern| matches(pattern, case))
    }
}

/// The first two numbers of a release.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|digits| digits.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Whether a text is as the pattern says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut pieces: Vec<_> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("a/b", "a/b"));
        assert!(!matches("a/b", "a/bc"));
        assert!(matches("a/*", "a/b/c"));
        assert!(matches("*x*y", "1x2xy"));
        assert!(!matches("*x*x", "x"));
        assert!(matches("*", ""));
    }

    #[test]
    fn kernels() {
        let list =
            parse("[[difference]]\nreason='r'\ncases=['a']\nsince='6.1'\nuntil='6.16'").unwrap();
        let about: Vec<_> = [
            "5.10.0-32-amd64",
            "6.1.0",
            "6.12.107+deb13",
            "6.16",
            "7.2.13",
        ]
        .map(|release| list[0].is_about(release))
        .to_vec();
        assert_eq!(about, [false, true, true, false, false]);
    }

    #[test]
    fn answers_are_part_of_the_entry() {
        let text = "[[difference]]\nreason='r'\ncases=['a','b*']\nc='E*'\nours='ok'";
        let list = parse(text).unwrap();
        assert_eq!(list[0].covers("bb", "EINVAL", "ok"), Some(1));
        assert_eq!(list[0].covers("bb", "EINVAL", "okay"), None);
        assert_eq!(list[0].covers("c", "EINVAL", "ok"), None);
    }
}

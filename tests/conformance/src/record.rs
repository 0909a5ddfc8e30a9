// SPDX-License-Identifier: GPL-2.0

//! What a module answered: one text for each case, in a file that people can read as well.

use anyhow::{bail, Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Begins the name of a case in the file.
const NAME: &str = "== ";

/// All answers of one module.
#[derive(Default)]
pub(crate) struct Record {
    /// The kernel's release.
    pub(crate) release: String,
    cases: BTreeMap<String, String>,
    doubles: Vec<String>,
}

impl Record {
    /// Of the kernel that runs here; no answers yet.
    pub(crate) fn new() -> Result<Self> {
        let path = "/proc/sys/kernel/osrelease";
        Ok(Self {
            release: fs::read_to_string(path).context(path)?.trim().to_owned(),
            ..Self::default()
        })
    }

    /// Notes the answer of a case. Each has one.
    pub(crate) fn put(&mut self, case: impl Into<String>, text: impl Into<String>) {
        let case = case.into();
        if self.cases.insert(case.clone(), text.into()).is_some() {
            self.doubles.push(case);
        }
    }

    /// All cases by name.
    pub(crate) fn cases(&self) -> &BTreeMap<String, String> {
        &self.cases
    }

    /// # Errors
    ///
    /// Also if two cases have one name: one of the answers is lost then.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        if let Some(case) = self.doubles.first() {
            bail!("two cases are called {case}");
        }
        let mut text = format!("{}\n", self.release);
        for (case, answer) in &self.cases {
            text += &format!("{NAME}{case}\n");
            for line in answer.trim_end().lines() {
                text += &format!("  {line}\n");
            }
        }
        fs::write(path, text).with_context(|| path.display().to_string())
    }

    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut record = Self::default();
        let mut case = None;
        for line in text.lines() {
            match (line.strip_prefix(NAME), &case) {
                (Some(name), _) => {
                    record.put(name, "");
                    case = Some(name.to_owned());
                }
                (None, None) => record.release = line.to_owned(),
                (None, Some(name)) => {
                    let answer = record.cases.entry(name.clone()).or_default();
                    if !answer.is_empty() {
                        answer.push('\n');
                    }
                    *answer += line.strip_prefix("  ").unwrap_or(line);
                }
            }
        }
        record
    }
}

#[cfg(test)]
pub(crate) fn of(release: &str, cases: &[(&str, &str)]) -> Record {
    let mut record = Record {
        release: release.to_owned(),
        ..Record::default()
    };
    for (case, answer) in cases {
        record.put(*case, *answer);
    }
    record
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_brings_back_what_was_put() {
        let before = of("7.2", &[("a/b", "one\n  two\n"), ("c", ""), ("d", "x")]);
        let path = std::env::temp_dir().join(format!("record-{}", std::process::id()));
        before.save(&path).unwrap();
        let after = Record::load(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(after.release, "7.2");
        let answers: Vec<_> = after
            .cases()
            .iter()
            .map(|(a, b)| (&a[..], &b[..]))
            .collect();
        assert_eq!(answers, [("a/b", "one\n  two"), ("c", ""), ("d", "x")]);
    }

    #[test]
    fn no_answer_is_lost_in_silence() {
        let record = of("7.2", &[("a", "1"), ("a", "2")]);
        let error = record.save(Path::new("/nowhere")).unwrap_err();
        assert!(error.to_string().contains("called a"));
    }
}

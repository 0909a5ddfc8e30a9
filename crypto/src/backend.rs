// SPDX-License-Identifier: GPL-2.0
//! The seam between the AEAD and the code that computes it.
//!
//! A back end is safe to call. One whose code needs certain processor features or an FPU section
//! must be a value that cannot be had without them: whoever may write unsafe code (the driver's FPU
//! section) makes it, and this crate never needs to know. A back end gets whole lists of jobs, so
//! that it can spread its lanes over several messages.
use crate::aead::{nonce_words, open_segments, seal_segments, Job, Key};

/// Something that can seal and open lists of jobs, exactly as [`aead::seal`](crate::aead::seal) and
/// [`aead::open`](crate::aead::open) describe it.
pub trait Backend {
    /// What it is called in the log.
    fn name(&self) -> &'static str;

    /// Seals each job and sets its verdict.
    fn seal(&self, key: &Key, jobs: &mut [Job<'_>]);

    /// Opens each job and sets its verdict.
    fn open(&self, key: &Key, jobs: &mut [Job<'_>]);
}

/// The back end that runs everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Backend for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn seal(&self, key: &Key, jobs: &mut [Job<'_>]) {
        for job in jobs {
            job.verdict = seal_segments(key, nonce_words(job.counter), job.ad, job.src, job.dst);
        }
    }

    fn open(&self, key: &Key, jobs: &mut [Job<'_>]) {
        for job in jobs {
            job.verdict = open_segments(key, nonce_words(job.counter), job.ad, job.src, job.dst);
        }
    }
}

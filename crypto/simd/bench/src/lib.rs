// SPDX-License-Identifier: GPL-2.0
//! What the benches measure, and what becomes of it: records of times, a table of ratios, and a
//! page with plots.
//!
//! The benches themselves are in `benches/`; nothing else of the project depends on this crate.
pub mod machine;
pub mod page;
pub mod plot;
pub mod record;

// SPDX-License-Identifier: GPL-2.0
//! The levels of the vector code: what each needs of the processor, and the functions it has.
use crate::abi::{Function, Task};

/// A level, from the least to the most demanding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Four lanes; needs SSSE3.
    Ssse3,
    /// Eight lanes; needs AVX2 and BMI2.
    Avx2,
    /// Twenty-four lanes and multipliers of 52 bits; needs AVX-512 F, VL, BW and IFMA beside that.
    #[cfg(feature = "avx512")]
    Avx512,
}

extern "C" {
    fn wg_seal_ssse3(key: *const u8, tasks: *mut Task, count: usize);
    fn wg_open_ssse3(key: *const u8, tasks: *mut Task, count: usize);
    fn wg_seal_avx2(key: *const u8, tasks: *mut Task, count: usize);
    fn wg_open_avx2(key: *const u8, tasks: *mut Task, count: usize);
    #[cfg(feature = "avx512")]
    fn wg_seal_avx512(key: *const u8, tasks: *mut Task, count: usize);
    #[cfg(feature = "avx512")]
    fn wg_open_avx512(key: *const u8, tasks: *mut Task, count: usize);
}

impl Level {
    /// Every level, the least demanding first.
    pub const ALL: &'static [Self] = &[
        Self::Ssse3,
        Self::Avx2,
        #[cfg(feature = "avx512")]
        Self::Avx512,
    ];

    /// What it is called in the log and in parameters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssse3 => "ssse3",
            Self::Avx2 => "avx2",
            #[cfg(feature = "avx512")]
            Self::Avx512 => "avx512",
        }
    }

    pub(crate) fn seal(self) -> Function {
        match self {
            Self::Ssse3 => wg_seal_ssse3,
            Self::Avx2 => wg_seal_avx2,
            #[cfg(feature = "avx512")]
            Self::Avx512 => wg_seal_avx512,
        }
    }

    pub(crate) fn open(self) -> Function {
        match self {
            Self::Ssse3 => wg_open_ssse3,
            Self::Avx2 => wg_open_avx2,
            #[cfg(feature = "avx512")]
            Self::Avx512 => wg_open_avx512,
        }
    }
}

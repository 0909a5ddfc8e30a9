// SPDX-License-Identifier: GPL-2.0
//! The items that nearly every file wants.

#[doc(no_inline)]
pub use crate::alloc::{flags::*, KBox, KVVec, KVec};
#[doc(no_inline)]
pub use crate::error::{code::*, Error, Result};
#[doc(no_inline)]
pub use crate::ffi::c_int;
#[doc(no_inline)]
pub use crate::{pr_err, pr_info};

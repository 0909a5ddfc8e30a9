// SPDX-License-Identifier: GPL-2.0
//! The items that nearly every file wants.

#[doc(no_inline)]
pub use core::pin::Pin;

#[doc(no_inline)]
pub use crate::alloc::{flags::*, KBox, KVBox, KVVec, KVec};
#[doc(no_inline)]
pub use crate::error::{code::*, Error, Result};
#[doc(no_inline)]
pub use crate::ffi::{
    c_char, c_int, c_long, c_longlong, c_schar, c_short, c_uchar, c_uint, c_ulong, c_ulonglong,
    c_ushort, c_void,
};
#[doc(no_inline)]
pub use crate::{pr_debug, pr_emerg, pr_err, pr_info, pr_notice, pr_warn};

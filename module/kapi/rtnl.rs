// SPDX-License-Identifier: GPL-2.0

//! The rtnl lock as a token, and data that only its holder can reach.
//!
//! C header: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h).

use core::{cell::UnsafeCell, marker::PhantomData};

/// Proof that this context holds the rtnl lock. There is one at a time.
///
/// # Invariants
///
/// The context that has the token holds the lock, and no second token exists.
///
/// # Examples
///
/// ```ignore
/// static STATE: RtnlCell<u32> = RtnlCell::new(0);
///
/// fn open(rtnl: &mut Rtnl) {
///     *STATE.get(rtnl) += 1; // nobody without the token gets here
/// }
/// ```
pub(crate) struct Rtnl(PhantomData<*mut ()>);

impl Rtnl {
    /// # Safety
    ///
    /// The calling context holds the rtnl lock for as long as the token lives, and no other token
    /// exists meanwhile.
    pub(crate) unsafe fn assume_held() -> Self {
        // INVARIANT: by the contract.
        Rtnl(PhantomData)
    }
}

/// Data under the rtnl lock. See [`Rtnl`] for how it is reached.
pub(crate) struct RtnlCell<T>(UnsafeCell<T>);

// SAFETY: the one holder of the rtnl lock reaches the data.
unsafe impl<T: Send> Sync for RtnlCell<T> {}

impl<T> RtnlCell<T> {
    /// Wraps the data.
    pub(crate) const fn new(data: T) -> Self {
        RtnlCell(UnsafeCell::new(data))
    }

    /// The data. The token is borrowed with it, so there is no second way to any such data.
    pub(crate) fn get<'a>(&'a self, _held: &'a mut Rtnl) -> &'a mut T {
        // SAFETY: there is one token in the kernel at a time, and it is borrowed mutably for as
        // long as the result.
        unsafe { &mut *self.0.get() }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A hash table that is read under RCU and written under its own lock.

use super::{
    lock::{Class, SpinLock},
    rcu::RcuGuard,
};
use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{alloc::Flags, prelude::*};

#[repr(C)]
struct Node<K, V> {
    head: UnsafeCell<MaybeUninit<bindings::rcu_head>>,
    next: AtomicPtr<Node<K, V>>,
    key: K,
    value: V,
}

/// A hash table whose readers take no lock.
///
/// # Invariants
///
/// Each bucket heads a chain of nodes that the table owns; chains change under `writer` only. A
/// node taken out is freed after a grace period. The number of buckets is a power of two.
///
/// # Examples
///
/// ```ignore
/// let table = Table::new(8, GFP_KERNEL)?;
/// table.insert(hash, key, value, true, GFP_KERNEL)?; // `EEXIST` if there is one
/// let section = RcuGuard::new();
/// let found = table.get(hash, &key, &section); // valid until `section` ends
/// ```
pub(crate) struct Table<K, V> {
    buckets: KVVec<AtomicPtr<Node<K, V>>>,
    writer: SpinLock<()>,
}

// SAFETY: the table owns its keys and values, and sharing it shares them.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Table<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Table<K, V> {}

impl<K: Eq + Send + Sync + 'static, V: Send + Sync + 'static> Table<K, V> {
    /// An empty table of `1 << bits` buckets.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(bits: u32, flags: Flags) -> Result<Self> {
        let count = 1usize << bits;
        let mut buckets = KVVec::with_capacity(count, flags)?;
        for _ in 0..count {
            buckets.push(AtomicPtr::new(ptr::null_mut()), flags)?;
        }
        Ok(Table {
            buckets,
            writer: SpinLock::new((), Class::Table),
        })
    }

    fn bucket(&self, hash: u32) -> Option<&AtomicPtr<Node<K, V>>> {
        self.buckets
            .get(hash as usize & self.buckets.len().wrapping_sub(1))
    }

    /// The value of `key`, as long as the read section lasts.
    #[inline]
    pub(crate) fn get<'g>(&self, hash: u32, key: &K, _section: &'g RcuGuard) -> Option<&'g V> {
        let mut at = self.bucket(hash)?.load(Ordering::Acquire);
        // SAFETY: nodes reached within the read section live until it ends.
        while let Some(node) = unsafe { at.as_ref() } {
            if node.key == *key {
                return Some(&node.value);
            }
            at = node.next.load(Ordering::Acquire);
        }
        None
    }

    /// Takes the first node of `key` out. The caller holds `writer`.
    fn unlink(&self, hash: u32, key: &K) -> Option<*mut Node<K, V>> {
        let mut link = self.bucket(hash)?;
        loop {
            let at = link.load(Ordering::Relaxed);
            // SAFETY: the chain does not change under the lock, and its nodes are the table's.
            let node = unsafe { at.as_ref() }?;
            if node.key == *key {
                link.store(node.next.load(Ordering::Relaxed), Ordering::Release);
                return Some(at);
            }
            link = &node.next;
        }
    }

    /// Sets the value of `key`; with `fresh`, only if it has none yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or `EEXIST` if `fresh` and there is a value.
    pub(crate) fn insert(&self, hash: u32, key: K, value: V, fresh: bool, flags: Flags) -> Result {
        let node = KBox::new(
            Node {
                head: UnsafeCell::new(MaybeUninit::zeroed()),
                next: AtomicPtr::new(ptr::null_mut()),
                key,
                value,
            },
            flags,
        )?;
        let bucket = self.bucket(hash).ok_or(EINVAL)?;
        let _writer = self.writer.lock();
        let old = self.unlink_if(!fresh, hash, &node.key);
        if fresh && self.contains(hash, &node.key) {
            return Err(EEXIST);
        }
        node.next
            .store(bucket.load(Ordering::Relaxed), Ordering::Relaxed);
        bucket.store(KBox::into_raw(node), Ordering::Release);
        if let Some(old) = old {
            Self::retire(old);
        }
        Ok(())
    }

    fn unlink_if(&self, wanted: bool, hash: u32, key: &K) -> Option<*mut Node<K, V>> {
        if wanted {
            self.unlink(hash, key)
        } else {
            None
        }
    }

    fn contains(&self, hash: u32, key: &K) -> bool {
        self.get(hash, key, &RcuGuard::new()).is_some()
    }

    /// Takes `key` out; its value is dropped after a grace period. Whether it was there.
    pub(crate) fn remove(&self, hash: u32, key: &K) -> bool {
        let _writer = self.writer.lock();
        match self.unlink(hash, key) {
            Some(node) => {
                Self::retire(node);
                true
            }
            None => false,
        }
    }

    fn retire(node: *mut Node<K, V>) {
        // SAFETY: the node was unlinked under the lock, so it is retired once; readers that still
        // see it are waited for.
        unsafe { bindings::wg_call_rcu((*node).head.get().cast(), Some(reclaim::<K, V>)) };
    }
}

/// # Safety
///
/// `head` is that of a `Node<K, V>` that `Table::retire()` let go.
unsafe extern "C" fn reclaim<K, V>(head: *mut bindings::rcu_head) {
    // `head` is the first member of a `repr(C)` struct.
    let node = head.cast::<Node<K, V>>();
    // SAFETY: made by `KBox::into_raw()`, unlinked, and no reader is left.
    drop(unsafe { KBox::from_raw(node) });
}

impl<K, V> Drop for Table<K, V> {
    fn drop(&mut self) {
        for bucket in self.buckets.iter_mut() {
            let mut at = *bucket.get_mut();
            while !at.is_null() {
                // SAFETY: the table is going away: no reader or writer is left, and it owns the
                // nodes still in it.
                let mut node = unsafe { KBox::from_raw(at) };
                at = *node.next.get_mut();
            }
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A first-in first-out queue of boxes that needs no memory of its own.

use core::{cell::Cell, ptr};
use kernel::prelude::*;

/// The place in an object where a queue keeps its chain.
pub(crate) struct Link<T>(Cell<*mut T>);

impl<T> Link<T> {
    /// Not in a queue.
    pub(crate) const fn new() -> Self {
        Link(Cell::new(ptr::null_mut()))
    }
}

// SAFETY: the pointer is used by the queue that owns the object only.
unsafe impl<T> Send for Link<T> {}

/// An object that can be queued.
pub(crate) trait Linked: Sized {
    /// Its link, always the same one.
    fn link(&self) -> &Link<Self>;
}

/// A queue of boxes, chained through the link in each of them: pushing allocates nothing.
///
/// # Invariants
///
/// `head` starts a chain, through the links, of boxes that the queue owns, and ends in `tail`,
/// whose link is null. Both are null when the queue is empty.
///
/// # Examples
///
/// ```ignore
/// let mut queue = Queue::new();
/// queue.push(KBox::new(Bundle::new(), GFP_ATOMIC)?);
/// while let Some(bundle) = queue.pop() {
///     bundle.run();
/// }
/// ```
pub(crate) struct Queue<T: Linked> {
    head: *mut T,
    tail: *mut T,
}

// SAFETY: the queue owns its boxes.
unsafe impl<T: Linked + Send> Send for Queue<T> {}

impl<T: Linked> Queue<T> {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        Queue {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
        }
    }

    /// Adds at the end.
    pub(crate) fn push(&mut self, object: KBox<T>) {
        object.link().0.set(ptr::null_mut());
        let object = KBox::into_raw(object);
        // SAFETY: by the invariant `tail` is null or a box that the queue owns.
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.link().0.set(object),
            None => self.head = object,
        }
        self.tail = object;
    }

    /// Takes from the front.
    pub(crate) fn pop(&mut self) -> Option<KBox<T>> {
        if self.head.is_null() {
            return None;
        }
        // SAFETY: by the invariant a box that the queue owns, and now gives up.
        let object = unsafe { KBox::from_raw(self.head) };
        self.head = object.link().0.replace(ptr::null_mut());
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        Some(object)
    }

    /// Whether it is empty.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds all of `other` at the end.
    pub(crate) fn append(&mut self, other: &mut Queue<T>) {
        if other.head.is_null() {
            return;
        }
        // SAFETY: by the invariant `tail` is null or a box that the queue owns.
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.link().0.set(other.head),
            None => self.head = other.head,
        }
        self.tail = other.tail;
        // INVARIANT: `other` owns nothing any more.
        other.head = ptr::null_mut();
        other.tail = ptr::null_mut();
    }
}

impl<T: Linked> Drop for Queue<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

//! Bounded single-producer single-consumer queue used between the audio callback and the disk thread.
//! The callback may not block or allocate, hence no Mutex and no growing.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::Arc;

/// Keeps the two counters out of each other's cache line.
#[repr(align(64))]
struct Padded<T>(T);

struct Ring<T, const N: usize> {
    slots: [UnsafeCell<MaybeUninit<T>>; N],
    head: Padded<AtomicUsize>,
    tail: Padded<AtomicUsize>,
}

// SAFETY: a slot is touched by the producer only while it is outside head..tail and by the consumer
// only while it is inside; the two counters hand it over with release/acquire.
unsafe impl<T: Send, const N: usize> Sync for Ring<T, N> {}

pub struct Producer<T, const N: usize> {
    ring: Arc<Ring<T, N>>,
    /// What we last saw of the consumer. Stale is fine: it only makes us believe the queue is fuller.
    cached_head: usize,
}

pub struct Consumer<T, const N: usize> {
    ring: Arc<Ring<T, N>>,
    cached_tail: usize,
}

pub fn channel<T: Send, const N: usize>() -> (Producer<T, N>, Consumer<T, N>) {
    const { assert!(N.is_power_of_two(), "capacity must be a power of two") };
    let ring = Arc::new(Ring {
        slots: std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit())),
        head: Padded(AtomicUsize::new(0)),
        tail: Padded(AtomicUsize::new(0)),
    });
    (
        Producer { ring: Arc::clone(&ring), cached_head: 0 },
        Consumer { ring, cached_tail: 0 },
    )
}

impl<T, const N: usize> Producer<T, N> {
    /// Returns the value if there is no room.
    pub fn push(&mut self, value: T) -> Result<(), T> {
        let tail = self.ring.tail.0.load(Relaxed);
        if tail.wrapping_sub(self.cached_head) == N {
            self.cached_head = self.ring.head.0.load(Acquire);
            if tail.wrapping_sub(self.cached_head) == N {
                return Err(value);
            }
        }
        // SAFETY: the slot is free (checked above), and there is one producer
        unsafe { (*self.ring.slots[tail & (N - 1)].get()).write(value) };
        self.ring.tail.0.store(tail.wrapping_add(1), Release);
        Ok(())
    }

    pub fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.ring) == 1
    }
}

impl<T, const N: usize> Consumer<T, N> {
    pub fn pop(&mut self) -> Option<T> {
        let head = self.ring.head.0.load(Relaxed);
        if head == self.cached_tail {
            self.cached_tail = self.ring.tail.0.load(Acquire);
            if head == self.cached_tail {
                return None;
            }
        }
        // SAFETY: head != tail, so the producer has written this slot and will not come back to it
        // before we move head
        let value = unsafe { (*self.ring.slots[head & (N - 1)].get()).assume_init_read() };
        self.ring.head.0.store(head.wrapping_add(1), Release);
        Some(value)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(move || self.pop())
    }
}

impl<T, const N: usize> Drop for Ring<T, N> {
    fn drop(&mut self) {
        let (mut head, tail) = (*self.head.0.get_mut(), *self.tail.0.get_mut());
        while head != tail {
            // SAFETY: both ends are gone; what lies between the counters is initialised
            unsafe { self.slots[head & (N - 1)].get_mut().assume_init_drop() };
            head = head.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn keeps_order_across_threads() {
        let (mut tx, mut rx) = channel::<u32, 8>();
        let sender = thread::spawn(move || {
            for mut n in 0..10_000 {
                while let Err(back) = tx.push(n) {
                    n = back;
                    thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < 10_000 {
            for got in rx.drain() {
                assert_eq!(got, expected);
                expected += 1;
            }
            thread::yield_now();
        }
        sender.join().unwrap();
    }

    #[test]
    fn leftovers_are_dropped_once() {
        let witness = Arc::new(());
        let (mut tx, mut rx) = channel::<Arc<()>, 4>();
        for _ in 0..4 {
            assert!(tx.push(witness.clone()).is_ok());
        }
        assert!(tx.push(witness.clone()).is_err());
        drop(rx.pop());
        assert_eq!(Arc::strong_count(&witness), 4);
        drop((tx, rx));
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}

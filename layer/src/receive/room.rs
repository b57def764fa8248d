//! Memory for what is still being read, shared by all receivers: bodies as they are decoded, frames as they come.
//!
//! What was accepted is bounded by the queue. What is half read is bounded here, so that many senders at once, or a
//! few that never finish, cannot take the function's memory. Whoever needs more than is free waits its turn, briefly:
//! senders inside Lambda must not be held up for long, so after that the request is given up, and says why.

use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// So many bytes, to be shared. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// A permit is a byte; waiters are served in the order in which they came.
    free: Semaphore,
    size: usize,
}

/// There was no room in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

impl Room {
    /// Room for this many bytes.
    pub fn new(size: usize) -> Self {
        let size = size.min(u32::MAX as usize);
        Self(Arc::new(Inner { free: Semaphore::new(size), size }))
    }

    /// A part of it, of no bytes yet. It goes back when dropped.
    pub(crate) fn share(&self) -> Share {
        Share { room: self.clone(), bytes: 0 }
    }

    /// How much is taken, in bytes.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.0.size - self.0.free.available_permits()
    }
}

/// What one request or connection has of the room.
#[derive(Debug)]
pub(crate) struct Share {
    room: Room,
    bytes: usize,
}

impl Share {
    /// Grows to this many bytes in all, or to everything there is: a request that is large by itself gets through
    /// alone. When that fails, the share is what it was.
    pub(crate) async fn grow(&mut self, bytes: usize) -> Result<(), Crowded> {
        let inner = &self.room.0;
        let more = bytes.min(inner.size).saturating_sub(self.bytes);
        // `size` fits.
        let Ok(permits) = u32::try_from(more) else { return Err(Crowded) };
        if permits > 0 {
            let taken = timeout(PATIENCE, inner.free.acquire_many(permits)).await;
            taken.ok().and_then(Result::ok).ok_or(Crowded)?.forget();
            self.bytes += more;
        }
        Ok(())
    }

    /// Gives back all but this many bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.room.0.free.add_permits(less);
        self.bytes -= less;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// How long a turn is waited for. Those before us are usually done within a few milliseconds; longer than this would
/// be felt by a function that flushes before it answers.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_is_counted_to_the_byte_and_given_back() {
        let room = Room::new(1000);
        let (mut one, mut other) = (room.share(), room.share());
        one.grow(300).await.unwrap();
        one.grow(200).await.unwrap();
        other.grow(700).await.unwrap();
        assert_eq!(room.taken(), 1000);
        one.shrink(100);
        assert_eq!(room.taken(), 800);
        drop(other);
        assert_eq!(room.taken(), 100);
        drop(one);
        assert_eq!(room.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_needs_more_than_is_free_waits_its_turn_and_not_for_ever() {
        let room = Room::new(1000);
        let mut first = room.share();
        first.grow(900).await.unwrap();
        let mut second = room.share();
        let start = Instant::now();
        assert_eq!(second.grow(200).await, Err(Crowded));
        assert_eq!((start.elapsed(), room.taken()), (PATIENCE, 900));
        let waiting = tokio::spawn(async move {
            let outcome = second.grow(200).await;
            (outcome, second)
        });
        tokio::task::yield_now().await;
        drop(first);
        let (outcome, second) = waiting.await.unwrap();
        assert_eq!((outcome, room.taken()), (Ok(()), 200));
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_all_of_it_gets_through_alone() {
        let room = Room::new(1000);
        let mut large = room.share();
        large.grow(5000).await.unwrap();
        assert_eq!(room.taken(), 1000);
        large.grow(6000).await.unwrap();
        assert_eq!(room.share().grow(1).await, Err(Crowded));
        large.shrink(0);
        assert_eq!(room.taken(), 0);
    }
}

//! Writing that may block: on threads where it may take its time, one at a time.

use std::sync::Arc;

use tokio::{sync::Mutex, task::spawn_blocking};

/// What is written to, by one attempt after the other.
pub(super) struct Turns<T>(Arc<Mutex<T>>);

impl<T: Send + 'static> Turns<T> {
    pub(super) fn new(one: T) -> Self {
        Self(Arc::new(Mutex::new(one)))
    }

    /// Uses it when its turn comes. Whoever waits for that holds no thread: a disk or a reader that hangs must not take more
    /// of them with every attempt. `None` if the program is ending, or the work panicked.
    pub(super) async fn next<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Option<R> {
        let mut turn = Arc::clone(&self.0).lock_owned().await;
        spawn_blocking(move || work(&mut turn)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn attempts_that_wait_for_one_that_hangs_take_no_threads_and_go_on_after_it() {
        // Another than the one that hangs is not to be had.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(2)
            .build()
            .unwrap();
        runtime.block_on(async {
            let turns = Turns::new(0);
            let (go, hangs) = mpsc::channel::<()>();
            let hung = turns.next(move |_| hangs.recv());
            assert!(tokio::time::timeout(Duration::from_millis(20), hung).await.is_err());
            for _ in 0..10 {
                let waiting = turns.next(|written| *written += 1);
                assert!(tokio::time::timeout(Duration::from_millis(5), waiting).await.is_err());
            }
            spawn_blocking(|| ()).await.unwrap();
            go.send(()).unwrap();
            assert_eq!(turns.next(|written| *written).await, Some(0), "what was given up was not begun");
        });
    }
}

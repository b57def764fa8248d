//! Runs several futures on one task, until all are done.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// The results, in order. All futures are looked at whenever one of them wakes the task: meant for a handful.
pub(crate) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut slots: Vec<Result<F::Output, Pin<Box<F>>>> =
        futures.into_iter().map(|future| Err(Box::pin(future))).collect();
    poll_fn(|cx| {
        let mut ready = true;
        for slot in &mut slots {
            if let Err(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *slot = Ok(output),
                    Poll::Pending => ready = false,
                }
            }
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn futures_run_side_by_side_and_answer_in_order() {
        let start = Instant::now();
        let results = join_all([3u64, 1, 2].map(|seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        }));
        assert_eq!(results.await, [3, 1, 2]);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        assert!(join_all(Vec::<std::future::Ready<()>>::new()).await.is_empty());
    }
}

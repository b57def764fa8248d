//! How `#[spanlayer::main]` starts a function. Where the handler's future can be moved between threads, the function runs
//! on one of `tokio`'s workers, and where Lambda asks for it (Managed Instances) and the feature `concurrency` is on, it
//! takes many invocations at once. Where it cannot, it runs on the main thread, one invocation at a time.
//!
//! The worker that runs the function also has the connection to Lambda, so that an event and its answer wake no other
//! thread: under `#[tokio::main]` each of them changes threads twice, which takes longer than everything that is done for
//! a trace.
//!
//! The choice is the compiler's, since `main` is written before anybody knows the future's type: it takes the method of
//! [`Movable`], by value, where its bounds hold, and otherwise that of [`Pinned`], by reference.

use std::{fmt, future::Future, marker::PhantomData, panic::resume_unwind, thread};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::{
    Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Runtime,
    tower::{layer::layer_fn, util::BoxCloneService},
};
use serde::{Deserialize, Serialize};
use spanlayer_host::vars::{Process, Vars as _};

use crate::{Layer, init, overrides::Overrides, service, warning::warn};

/// A handler, and what is said of its invocations.
#[allow(missing_debug_implementations, reason = "only a macro makes it")]
pub struct Main<F, T, Fut, R, E, B, S, D, SE> {
    handler: F,
    overrides: Overrides,
    #[allow(clippy::type_complexity, reason = "what the compiler chooses by")]
    types: PhantomData<fn() -> (T, Fut, R, E, B, S, D, SE)>,
}

impl<F, T, Fut, R, E, B, S, D, SE> Main<F, T, Fut, R, E, B, S, D, SE>
where
    T: for<'de> Deserialize<'de>,
    F: FnMut(LambdaEvent<T>) -> Fut,
    Fut: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<Error> + Send + fmt::Debug,
{
    /// Of a function as it was written.
    pub fn new(handler: F, overrides: Overrides) -> Self {
        Self { handler, overrides, types: PhantomData }
    }
}

/// On a worker.
pub trait Movable {
    /// Makes a runtime, and runs.
    fn start(self) -> Result<(), Error>;
}

/// On the main thread.
pub trait Pinned {
    /// Makes a runtime, and runs.
    fn start(self) -> Result<(), Error>;
}

impl<F, T, Fut, R, E, B, S, D, SE> Movable for Main<F, T, Fut, R, E, B, S, D, SE>
where
    T: for<'de> Deserialize<'de> + Send + 'static,
    F: FnMut(LambdaEvent<T>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    E: Into<Diagnostic> + fmt::Debug + 'static,
    R: IntoFunctionResponse<B, S> + Send + 'static,
    B: Serialize + Send + 'static,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send + 'static,
    SE: Into<Error> + Send + fmt::Debug + 'static,
{
    fn start(self) -> Result<(), Error> {
        let Self { handler, overrides, .. } = self;
        #[cfg(not(feature = "concurrency"))]
        warn_if_alone("the feature `concurrency` of spanlayer is off");
        let workers =
            thread::available_parallelism().map_or(LEAST_WORKERS, |cores| cores.get().max(LEAST_WORKERS));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
        let function = {
            let _inside = runtime.enter();
            init();
            let layer = Layer::new().overriding(overrides);
            // Of one type whatever the handler, or the compiler does not see that it can be moved.
            let one_type = layer_fn(BoxCloneService::new);
            let function = Runtime::new(service(handler)).layer(layer).layer(one_type);
            #[cfg(feature = "concurrency")]
            let function = function.run_concurrent();
            #[cfg(not(feature = "concurrency"))]
            let function = function.run();
            runtime.spawn(function)
        };
        // A panic goes on here, as if the function had run here.
        runtime.block_on(function).unwrap_or_else(|lost| match lost.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(cancelled) => Err(cancelled.into()),
        })
    }
}

impl<F, T, Fut, R, E, B, S, D, SE> Pinned for &Main<F, T, Fut, R, E, B, S, D, SE>
where
    T: for<'de> Deserialize<'de>,
    F: FnMut(LambdaEvent<T>) -> Fut + Clone,
    Fut: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<Error> + Send + fmt::Debug,
{
    fn start(self) -> Result<(), Error> {
        warn_if_alone(if cfg!(feature = "concurrency") {
            "the handler's future is not `Send`"
        } else {
            "the feature `concurrency` of spanlayer is off"
        });
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            init();
            let layer = Layer::new().overriding(self.overrides.clone());
            Runtime::new(service(self.handler.clone())).layer(layer).run().await
        })
    }
}

/// Says why invocations come one at a time where Lambda has more.
fn warn_if_alone(why: &str) {
    if Process.get("AWS_LAMBDA_MAX_CONCURRENCY").is_some() {
        warn(format_args!("invocations run one at a time: {why}"));
    }
}

/// While a handler keeps its own worker busy, another one has the connections of everything that runs beside it.
const LEAST_WORKERS: usize = 2;

//! How `#[spanlayer::main]` starts a function: many invocations at once where Lambda asks for it (Managed Instances),
//! the feature `concurrency` is on, and the handler's future can be moved between threads; else one at a time.
//!
//! The choice is the compiler's, since `main` is written before anybody knows the future's type: it takes the method of
//! [`Concurrent`], by value, where its bounds hold, and otherwise that of [`Sequential`], by reference.

use std::{fmt, future::Future, marker::PhantomData};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Runtime};
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

/// Many at once.
pub trait Concurrent {
    /// Makes the runtime that `#[tokio::main]` would make, and runs.
    fn start(self) -> Result<(), Error>;
}

/// One at a time.
pub trait Sequential {
    /// Makes the runtime that `#[tokio::main]` would make, and runs.
    fn start(self) -> Result<(), Error>;
}

#[cfg(feature = "concurrency")]
impl<F, T, Fut, R, E, B, S, D, SE> Concurrent for Main<F, T, Fut, R, E, B, S, D, SE>
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
        block_on(async {
            init();
            let layer = Layer::new().overriding(overrides);
            Runtime::new(service(handler)).layer(layer).run_concurrent().await
        })
    }
}

impl<F, T, Fut, R, E, B, S, D, SE> Sequential for &Main<F, T, Fut, R, E, B, S, D, SE>
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
        if Process.get("AWS_LAMBDA_MAX_CONCURRENCY").is_some() {
            warn(if cfg!(feature = "concurrency") {
                "invocations run one at a time: the handler's future is not `Send`"
            } else {
                "invocations run one at a time: the feature `concurrency` of spanlayer is off"
            });
        }
        block_on(async {
            init();
            let layer = Layer::new().overriding(self.overrides.clone());
            Runtime::new(service(self.handler.clone())).layer(layer).run().await
        })
    }
}

fn block_on(function: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(function)
}

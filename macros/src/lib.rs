//! The attribute macros of `spanlayer`, re-exported there. Use them as `#[spanlayer::main]` and
//! `#[spanlayer::handler]`: what they expand to names the crate `spanlayer`.

mod arguments;
mod expand;
mod handler;

use proc_macro::TokenStream;

use handler::{Attribute, Handler};

/// Makes a Lambda function out of one `async fn`: writes `main`, starts the runtime, and traces every invocation.
///
/// The function stays as it is, so that tests can call it. Everything is sent after the response has gone to Lambda.
///
/// ```no_run
/// use spanlayer::{Error, LambdaEvent};
///
/// #[spanlayer::main]
/// async fn handler(event: LambdaEvent<String>) -> Result<String, Error> {
///     Ok(format!("Hello, {}!", event.payload))
/// }
/// ```
///
/// On Managed Instances it takes as many invocations at once as Lambda asks for, with spanlayer's feature `concurrency`
/// and a handler whose future is `Send`; otherwise one at a time.
///
/// What the event says of the invocation's span can be overruled: `#[spanlayer::main(name = "place order", trigger =
/// "http", attributes(team = "shop", app.tier = 2))]`. A trigger is one of `http`, `pubsub`, `datasource`, `timer` and
/// `other`; an attribute's value is any expression that makes a text, a number or a truth value.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Attribute::Main, arguments, item, expand::main)
}

/// Traces one `async fn` and leaves `main` to you: the function it becomes takes the raw event, so that
/// `lambda_runtime::run(service_fn(handler))` works.
///
/// It has no moment after the response, so it does its one write, which never waits, just before the answer goes to
/// Lambda. [`macro@main`] sends after the response instead. What it returns is a `spanlayer::Reply` of the handler's
/// answer, which `lambda_runtime` takes for the answer; a test gets that by `into_inner()`.
///
/// ```no_run
/// use spanlayer::{Error, LambdaEvent};
/// use spanlayer::lambda_runtime::{run, service_fn};
///
/// #[spanlayer::handler]
/// async fn handler(event: LambdaEvent<String>) -> Result<String, Error> {
///     Ok(format!("Hello, {}!", event.payload))
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     spanlayer::init();
///     run(service_fn(handler)).await
/// }
/// ```
///
/// Without `spanlayer::init()` first in `main`, spans inside the handler are lost, unless a `tracing` subscriber of your
/// own has `spanlayer::tracing_layer()`.
///
/// Takes the arguments of [`macro@main`].
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Attribute::Handler, arguments, item, expand::handler)
}

fn attribute(
    attribute: Attribute,
    arguments: TokenStream,
    item: TokenStream,
    expand: fn(&Handler) -> proc_macro2::TokenStream,
) -> TokenStream {
    match Handler::parse(attribute, arguments.into(), item.clone().into()) {
        Ok(handler) => expand(&handler).into(),
        Err(error) => {
            // The function itself is kept, so that the compiler says only what is wrong with it, not also that it is
            // missing; `main` too where it would have been written.
            let mut tokens = error.into_compile_error();
            if attribute == Attribute::Main {
                tokens.extend(expand::stand_in());
            }
            if !(attribute == Attribute::Main && handler::is_called_main(item.clone().into())) {
                tokens.extend(proc_macro2::TokenStream::from(item));
            }
            tokens.into()
        }
    }
}

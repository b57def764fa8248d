//! A function on `lambda_runtime` alone: what the wrapped one is measured against.

use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<bare_function::Event>| {
        bare_function::answer(event.payload)
    }))
    .await
}

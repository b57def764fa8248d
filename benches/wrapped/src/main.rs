//! The bare function with one attribute.

use bare_function::{Answer, Event, answer};
use lambda_runtime::{Error, LambdaEvent};

#[spanlayer::main]
async fn handler(event: LambdaEvent<Event>) -> Result<Answer, Error> {
    answer(event.payload).await
}

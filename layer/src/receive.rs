//! Where telemetry comes in: the function's own link, OTLP from any SDK, and Lambda's account of invocations. And where
//! somebody asks how we are.
//!
//! Each receiver validates what it is given and hands it to the [`Intake`]. What is wrong is answered with what would
//! be right, and harms nothing else.

mod body;
mod http;
mod intake;
mod link;
mod notes;
mod otlp;
mod place;
mod platform;
mod reply;
mod room;
mod status;

pub use http::{Bound, Listen, bind};
pub use intake::{Intake, RuntimeDone, Signal};
pub use link::{LinkSocket, bind_link};
pub use otlp::Otlp;
pub use platform::Platform;
pub use room::Room;
pub use status::{Phase, Status};

pub(crate) use http::serve;
pub(crate) use link::serve_link;

use ::http::{Request, Response};
use hyper::body::Incoming;
use reply::Reply;
use spanlayer_host::panics::planted;
use std::{sync::Arc, time::Duration};

/// Who answers at a port.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    Otlp(Arc<Otlp>),
    Platform(Arc<Platform>),
    Status(Arc<Status>),
}

impl Receiver {
    /// Lambda speaks HTTP/1, and so does whoever watches.
    const fn takes_http2(&self) -> bool {
        matches!(self, Self::Otlp(_))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Reply> {
        planted("request");
        match self {
            Self::Otlp(otlp) => otlp.answer(request).await,
            Self::Platform(platform) => platform.answer(request).await,
            Self::Status(status) => status.answer(request.method(), request.uri().path()),
        }
    }
}

/// Between two attempts of a receiver that panicked, or could not accept.
const BREATH: Duration = Duration::from_millis(50);

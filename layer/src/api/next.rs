//! `GET /event/next`: says that everything about the last event is done, and waits for another.

use super::{Backoff, Event, connection::Connection, http};
use crate::log;
use spanlayer_host::panics::{caught, planted};

/// An extension that Lambda knows.
#[derive(Debug)]
pub struct Registered {
    pub(super) connection: Connection,
    pub(super) id: String,
    invokes: bool,
}

impl Registered {
    pub(super) fn new(connection: Connection, id: String, invokes: bool) -> Self {
        Self { connection, id, invokes }
    }

    /// Whether Lambda announces invocations; on Managed Instances it does not.
    pub fn is_told_of_invocations(&self) -> bool {
        self.invokes
    }

    /// Tells Lambda that the last event is done with, and waits for the next one; hands the extension back with it.
    /// From here on Lambda may freeze the process until the future is ready.
    ///
    /// A failing call is asked again for as long as it takes: an extension that exits takes the environment with it,
    /// and one that stays silent the invocation. So is one that panics: nobody else has what it takes to ask.
    pub async fn next(mut self) -> (Self, Event) {
        let mut backoff = Backoff::default();
        let address = self.connection.address();
        let headers = [("Lambda-Extension-Identifier", self.id.as_str())];
        let target = address.target("/2020-01-01/extension/event/next");
        let request = http::request("GET", &target, address.authority(), &headers, b"");
        loop {
            let why = match caught(self.attempt(&request)).await {
                Ok(Ok(event)) => return (self, event),
                Ok(Err(why)) | Err(why) => why,
            };
            if backoff.is_first() {
                log::warn("asking for the next event failed, trying again", &[("error", &why)]);
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn attempt(&mut self, request: &[u8]) -> Result<Event, String> {
        match self.connection.call(request).await {
            Ok(answer) if answer.status == 200 => {
                planted("next");
                Event::parse(&answer.body)
            }
            Ok(answer) => Err(answer.explain()),
            Err(error) => Err(error.to_string()),
        }
    }
}

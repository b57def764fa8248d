//! `POST /register`: Lambda starts the function only when every extension has registered, so this is the very first
//! thing the process does, on a plain blocking socket, before there is a runtime, a configuration or a log.

use super::{Address, Backoff, Registered, connection::Connection, http};
use crate::log;
use std::{
    io::{self, Write},
    net::TcpStream,
};

/// An extension that Lambda has not heard of.
#[derive(Debug)]
pub struct Unregistered {
    address: Address,
    name: String,
    invokes: bool,
}

impl Unregistered {
    /// `name` is the executable's file name, by which Lambda knows which of the processes it started is speaking.
    /// `invokes` asks for INVOKE events beside SHUTDOWN; Managed Instances refuse that.
    pub fn new(address: Address, name: impl Into<String>, invokes: bool) -> Self {
        Self { address, name: name.into(), invokes }
    }

    /// Sends the registration and does not wait for the answer, so that the rest of the start-up overlaps with
    /// Lambda's work. A failure is not lost: [`Announced::register`] meets it and tries again.
    pub fn announce(self) -> Announced {
        let sent = self.send();
        Announced { who: self, sent }
    }

    fn send(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address.authority())?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.request(self.invokes))?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    fn request(&self, invokes: bool) -> Vec<u8> {
        let headers = [
            ("Lambda-Extension-Name", self.name.as_str()),
            ("Lambda-Extension-Accept-Feature", "accountId"),
            ("Content-Type", "application/json"),
        ];
        let body = if invokes { r#"{"events":["INVOKE","SHUTDOWN"]}"# } else { r#"{"events":["SHUTDOWN"]}"# };
        let target = self.address.target("/2020-01-01/extension/register");
        http::request("POST", &target, self.address.authority(), &headers, body.as_bytes())
    }
}

/// An extension that has introduced itself and not yet read the answer.
#[derive(Debug)]
pub struct Announced {
    who: Unregistered,
    sent: io::Result<TcpStream>,
}

impl Announced {
    /// Whether INVOKE events were asked for; on Managed Instances there are none.
    pub fn is_to_hear_of_invocations(&self) -> bool {
        self.who.invokes
    }

    /// Waits until Lambda has accepted the registration, asking again for as long as it takes: an extension that gives
    /// up takes the function down with it. Where INVOKE events are refused, SHUTDOWN alone is asked for.
    pub async fn register(self) -> Registered {
        let Self { who, sent } = self;
        let mut invokes = who.invokes;
        let mut backoff = Backoff::default();
        let (stream, mut waiting) = match sent.and_then(tokio::net::TcpStream::from_std) {
            Ok(stream) => (Some(stream), true),
            Err(_) => (None, false), // the call below meets the reason again, and reports it
        };
        let mut connection = Connection::new(who.address.clone(), stream);
        loop {
            let answer = if waiting {
                connection.receive().await
            } else {
                connection.call(&who.request(invokes)).await
            };
            waiting = false;
            let why = match answer {
                Ok(answer) if answer.status == 200 => match answer.header("Lambda-Extension-Identifier") {
                    Some(id) => return Registered::new(connection, id.to_owned(), invokes),
                    None => "the answer has no Lambda-Extension-Identifier".to_owned(),
                },
                Ok(answer) => {
                    if answer.status == 403 && invokes {
                        invokes = false;
                        log::info("INVOKE events are refused, asking for SHUTDOWN only", &[]);
                        continue;
                    }
                    invokes = who.invokes;
                    answer.explain()
                }
                Err(error) => error.to_string(),
            };
            if backoff.is_first() {
                log::warn("registering failed, trying again", &[("error", &why)]);
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }
}

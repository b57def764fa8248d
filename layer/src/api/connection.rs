//! One connection to Lambda's APIs, kept for as long as it works.

use super::{
    Address,
    http::{self, Response},
};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Dials when it has to, answers one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Address,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Goes on with a stream on which a request may already be under way, or dials at the first call.
    pub(crate) fn new(address: Address, stream: Option<TcpStream>) -> Self {
        Self { address, stream, buffer: Vec::new() }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and waits for its answer, without a limit: `next` may take hours.
    pub(crate) async fn call(&mut self, request: &[u8]) -> io::Result<Response> {
        let reused = self.stream.is_some();
        match self.attempt(request).await {
            // The server may have closed a connection that idled. Asking again on a fresh one is safe for every call
            // made here: a server that hung up without a byte has not acted on it.
            Err(_) if reused => self.attempt(request).await,
            outcome => outcome,
        }
    }

    async fn attempt(&mut self, request: &[u8]) -> io::Result<Response> {
        self.send(request).await?;
        self.receive().await
    }

    /// Sends a request; [`Self::receive`] waits for its answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.buffer.clear();
                let stream = TcpStream::connect(self.address.authority()).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request).await?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Waits for the answer to the request that was sent. After an error, or when dropped in mid-answer, the
    /// connection is gone and the next call dials.
    pub(crate) async fn receive(&mut self) -> io::Result<Response> {
        // Taken, so that an unfinished answer is never mistaken for the next call's.
        let Some(mut stream) = self.stream.take() else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut closed = false;
        loop {
            if let Some(response) = http::take_response(&mut self.buffer, closed).map_err(io::Error::other)? {
                if response.reusable && !closed {
                    self.stream = Some(stream);
                }
                return Ok(response);
            }
            if closed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            closed = stream.read_buf(&mut self.buffer).await? == 0;
        }
    }
}

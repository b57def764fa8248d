//! What all receivers over TCP share: binding, accepting, one task a connection.

mod http2;

use super::{BREATH, Receiver};
use crate::log;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use spanlayer_host::panics::{caught, planted};
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    select,
    sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore},
};

/// Where a receiver listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// At this address; port 0 takes any.
    At(SocketAddr),
}

impl Listen {
    /// Reads `host:port`, `:port`, or `off`. Of names, only `localhost` is known: looking one up would take time.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "expected an address such as 127.0.0.1:4318, or off".to_owned();
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::At(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let ip: Ipv4Addr = match host {
            "" => Ipv4Addr::UNSPECIFIED,
            "localhost" => Ipv4Addr::LOCALHOST,
            _ => return Err(wrong()),
        };
        Ok(Self::At(SocketAddr::new(IpAddr::V4(ip), port)))
    }

    /// The address, if there is one.
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

/// A socket that has its port, and accepts nothing yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Takes a port.
    ///
    /// # Errors
    ///
    /// What the system says, such as that it is taken.
    pub fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // A port that was asked for need not be asked after.
        let address = if address.port() == 0 { listener.local_addr()? } else { address };
        Ok(Self { listener, address })
    }

    /// Where it listens, with the port that port 0 became.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Takes a port. Lambda runs several extensions in one network: a port that is taken costs a warning and this
/// receiver, or another port where `elsewhere` says that any will do.
pub fn bind(variable: &str, listen: Listen, elsewhere: bool) -> Option<Bound> {
    let Listen::At(address) = listen else { return None };
    match Bound::at(address) {
        Ok(done) => {
            log::info("listening", &[("variable", &variable), ("address", &done.address)]);
            Some(done)
        }
        Err(error) if elsewhere && error.kind() == io::ErrorKind::AddrInUse => {
            log::info("the port is taken, using another", &[("variable", &variable), ("address", &address)]);
            Bound::at(SocketAddr::new(address.ip(), 0)).ok()
        }
        Err(error) => {
            log::warn(
                "cannot listen, going on without",
                &[("variable", &variable), ("address", &address), ("error", &error)],
            );
            None
        }
    }
}

/// Answers requests for as long as the process lives, over so many connections at once.
pub(crate) async fn serve(bound: Bound, receiver: Receiver, connections: usize) {
    let Ok(listener) = tokio::net::TcpListener::from_std(bound.listener) else { return };
    let room = Arc::new(Semaphore::new(connections));
    let crowd = Arc::new(Notify::new());
    // For as long as the process lives, whatever it panics about.
    while caught(accept(&listener, &room, &crowd, &receiver)).await.is_err() {
        tokio::time::sleep(BREATH).await;
    }
}

async fn accept(
    listener: &tokio::net::TcpListener,
    room: &Arc<Semaphore>,
    crowd: &Arc<Notify>,
    receiver: &Receiver,
) {
    loop {
        planted("accept");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: the function may close some.
                log::debug("accepting failed", &[("error", &error)]);
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Ok(permit) = place(room, crowd).await else { return };
        let (crowd, receiver) = (Arc::clone(crowd), receiver.clone());
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = converse(stream, &crowd, receiver).await {
                log::debug("a connection broke off", &[("error", &error)]);
            }
        });
    }
}

/// Makes room for one more connection, which those that nobody uses must not keep out: it may be the function that waits
/// for its answer.
async fn place(room: &Arc<Semaphore>, crowd: &Notify) -> Result<OwnedSemaphorePermit, AcquireError> {
    let mut place = pin!(Arc::clone(room).acquire_owned());
    loop {
        // More than once: one that has only just been accepted does not hear it yet.
        if room.available_permits() == 0 {
            crowd.notify_waiters();
        }
        select! {
            place = place.as_mut() => return place,
            () = tokio::time::sleep(BREATH) => {}
        }
    }
}

/// Serves one connection to its end, which a `crowd` brings about as soon as it says nothing.
async fn converse(stream: TcpStream, crowd: &Notify, receiver: Receiver) -> hyper::Result<()> {
    let _ = stream.set_nodelay(true);
    if receiver.takes_http2() {
        let is_http2 = select! {
            begins = http2::begins(&stream) => begins,
            () = crowd.notified() => return Ok(()),
        };
        if is_http2 {
            return http2::converse(stream, crowd, receiver).await;
        }
    }
    let service = service_fn(move |request| {
        let receiver = receiver.clone();
        async move { Ok::<_, Infallible>(receiver.answer(request).await) }
    });
    let served = http1::Builder::new()
        .auto_date_header(false)
        // Also ends what stays open and says nothing: connections that nobody uses must not keep others out.
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        // Some senders close their half once they have said everything.
        .half_close(true)
        .max_buf_size(READ_AHEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    select! {
        outcome = served.as_mut() => return outcome,
        () = crowd.notified() => served.as_mut().graceful_shutdown(),
    }
    served.await
}

/// How long a connection may say nothing between requests, or take to say the head of one. Longer than SDKs usually
/// pause between exports.
const SILENCE: Duration = Duration::from_secs(60);

/// What one connection may read ahead of its request's handling; bodies are longer, and stream through.
const READ_AHEAD: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_what_is_none_is_refused() {
        let at = |text: &str| Ok(Listen::At(text.parse().unwrap()));
        assert_eq!(Listen::parse("127.0.0.1:4318"), at("127.0.0.1:4318"));
        assert_eq!(Listen::parse("[::1]:0"), at("[::1]:0"));
        assert_eq!(Listen::parse("localhost:1"), at("127.0.0.1:1"));
        assert_eq!(Listen::parse(":4318"), at("0.0.0.0:4318"));
        assert_eq!(Listen::parse("OFF"), Ok(Listen::Off));
        for wrong in ["", "4318", "127.0.0.1", "127.0.0.1:99999", "collector:4318", "http://127.0.0.1:4318"] {
            assert!(Listen::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_port_that_is_taken_is_gone_without_or_replaced() {
        let taken = bind("A", Listen::At("127.0.0.1:0".parse().unwrap()), false).unwrap();
        let same = Listen::At(taken.address());
        assert!(bind("A", same, false).is_none());
        let other = bind("A", same, true).unwrap();
        assert_ne!(other.address().port(), taken.address().port());
        assert!(bind("A", Listen::Off, true).is_none());
    }
}

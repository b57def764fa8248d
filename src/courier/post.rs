//! One HTTP/1.1 request to a collector on this machine, over a connection of its own: a kept one would be found dead
//! after a freeze.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use spanlayer_host::clock;

/// The longest that a post takes, connecting included.
pub(super) const LIMIT: Duration = Duration::from_millis(250);

/// Posts an encoded OTLP request; says why when it was not taken.
pub(super) fn post(to: SocketAddr, path: &str, body: &[u8]) -> Result<(), String> {
    let by = clock::monotonic() + LIMIT;
    exchange(to, path, body, by).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer in {} ms", LIMIT.as_millis())
        }
        _ => error.to_string(),
    })
}

fn exchange(to: SocketAddr, path: &str, body: &[u8], by: Instant) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, left(by)?)?;
    stream.set_nodelay(true)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {to}\r\nuser-agent: spanlayer/{}\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION"),
        body.len(),
    );
    for mut rest in [head.as_bytes(), body] {
        while !rest.is_empty() {
            stream.set_write_timeout(Some(left(by)?))?;
            rest = match stream.write(rest)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                taken => &rest[taken..],
            };
        }
    }
    // "HTTP/1.1 200": what follows does not matter, the connection ends here.
    let mut status = [0; 12];
    let mut filled = 0;
    while filled < status.len() {
        stream.set_read_timeout(Some(left(by)?))?;
        filled += match stream.read(&mut status[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
    }
    match &status[9..] {
        [b'2', ..] => Ok(()),
        other => Err(io::Error::other(format!("status {}", String::from_utf8_lossy(other)))),
    }
}

/// The time left, for a socket's timeout; an error when there is none, since zero would mean none set.
fn left(by: Instant) -> io::Result<Duration> {
    let left = by.saturating_duration_since(clock::monotonic());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    #[test]
    fn a_request_says_what_it_carries_and_how_long_it_is() {
        let (listener, to) = listener();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"spans") {
                let mut chunk = [0; 512];
                let read = stream.read(&mut chunk).expect("a request");
                request.extend_from_slice(&chunk[..read]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("an answer");
            String::from_utf8(request).expect("text")
        });
        assert_eq!(post(to, "/v1/traces", b"spans"), Ok(()));
        let request = server.join().expect("a request");
        assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"));
        assert!(request.contains("content-type: application/x-protobuf\r\ncontent-length: 5\r\n"));
    }

    #[test]
    fn a_refusal_is_named() {
        let (listener, to) = listener();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 512];
            let _ = stream.read(&mut request).expect("a request");
            stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").expect("an answer");
            stream // kept open: the answer is taken by its length
        });
        assert_eq!(post(to, "/v1/traces", b""), Err("status 503".to_owned()));
        server.join().expect("an answer");
    }

    #[test]
    fn whoever_never_answers_costs_the_limit_and_no_more() {
        let (_silent, to) = listener();
        let start = clock::monotonic();
        assert_eq!(post(to, "/v1/traces", b"spans"), Err("no answer in 250 ms".to_owned()));
        assert!(start.elapsed() < LIMIT * 4);
    }
}

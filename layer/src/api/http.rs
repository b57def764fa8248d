//! The little of HTTP/1.1 (RFC 9112) that Lambda's APIs need, as bytes in and out.

use std::fmt;

/// A request, ready to be written.
pub(crate) fn request(
    method: &str,
    target: &str,
    authority: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(384 + body.len());
    for part in [method, " ", target, " HTTP/1.1\r\nHost: ", authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    // A GET without a body has no length to declare (RFC 9110, section 8.6).
    if method != "GET" {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// A complete response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether the connection may be used for another request.
    pub(crate) reusable: bool,
    head: String,
}

impl Response {
    /// The value of a header, whose name is given in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// For log lines: the status, and what the server said about it, cut short.
    pub(crate) fn explain(&self) -> String {
        let said = String::from_utf8_lossy(&self.body);
        format!("status {}: {}", self.status, said.chars().take(200).collect::<String>().trim())
    }
}

/// What came back is not an HTTP/1.1 response, or not one of a plausible size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadResponse(&'static str);

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadResponse {}

/// Takes one response from the front of `buffer`, once it is complete. `closed` says that nothing more will come,
/// which ends a body that declares no length.
pub(crate) fn take_response(buffer: &mut Vec<u8>, closed: bool) -> Result<Option<Response>, BadResponse> {
    if buffer.len() > LIMIT {
        return Err(BadResponse("the response is too large"));
    }
    let Some(end) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let head =
        std::str::from_utf8(&buffer[..end]).map_err(|_| BadResponse("the head is not text"))?.to_owned();
    let status = status(&head)?;
    if (100..200).contains(&status) {
        // An interim answer; the real one follows (RFC 9110, section 15.2).
        buffer.drain(..end + 4);
        return take_response(buffer, closed);
    }
    let rest = &buffer[end + 4..];
    let says = |name: &str, token: &str| {
        header(&head, name).is_some_and(|v| v.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let mut reusable = !says("connection", "close") && head.starts_with("HTTP/1.1");
    let (body, used) = if status == 204 || status == 304 {
        (Vec::new(), 0)
    } else if says("transfer-encoding", "chunked") {
        match chunked(rest)? {
            Some(done) => done,
            None => return Ok(None),
        }
    } else if let Some(length) = header(&head, "content-length") {
        let length: usize = length.parse().map_err(|_| BadResponse("the content length is not a number"))?;
        if length > LIMIT {
            return Err(BadResponse("the response is too large"));
        }
        match rest.get(..length) {
            Some(body) => (body.to_vec(), length),
            None => return Ok(None),
        }
    } else if closed {
        reusable = false;
        (rest.to_vec(), rest.len())
    } else {
        return Ok(None);
    };
    buffer.drain(..end + 4 + used);
    Ok(Some(Response { status, body, reusable, head }))
}

fn status(head: &str) -> Result<u16, BadResponse> {
    let wrong = BadResponse("the answer is not HTTP");
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
        return Err(wrong);
    }
    words.next().and_then(|code| code.parse().ok()).ok_or(wrong)
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Decodes a chunked body (RFC 9112, section 7.1); `None` while it is incomplete.
fn chunked(mut rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, BadResponse> {
    let all = rest.len();
    let mut body = Vec::new();
    loop {
        let Some(end) = find(rest, b"\r\n") else { return Ok(None) };
        let line =
            std::str::from_utf8(&rest[..end]).map_err(|_| BadResponse("a chunk's size is not text"))?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| BadResponse("a chunk has no size"))?;
        if size > LIMIT {
            return Err(BadResponse("the response is too large"));
        }
        rest = &rest[end + 2..];
        if size == 0 {
            // Trailers, if any, up to an empty line.
            loop {
                let Some(end) = find(rest, b"\r\n") else { return Ok(None) };
                rest = &rest[end + 2..];
                if end == 0 {
                    return Ok(Some((body, all - rest.len())));
                }
            }
        }
        let (Some(chunk), Some(next)) = (rest.get(..size), rest.get(size + 2..)) else { return Ok(None) };
        body.extend_from_slice(chunk);
        rest = next;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Far above anything that Lambda's APIs answer (events carry no payload).
const LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &str) -> Response {
        take_response(&mut bytes.as_bytes().to_vec(), true).unwrap().unwrap()
    }

    #[test]
    fn a_request_is_written_as_http_1_1() {
        let bytes = request("POST", "/x", "h:1", &[("A", "b")], b"{}");
        assert_eq!(bytes, b"POST /x HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Length: 2\r\n\r\n{}");
        assert_eq!(request("GET", "/x", "h:1", &[], b""), b"GET /x HTTP/1.1\r\nHost: h:1\r\n\r\n");
    }

    #[test]
    fn a_response_is_taken_only_once_it_is_complete_at_whatever_byte_it_was_cut() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Id: 7\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nx-id: 7\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nT: u\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-ID: 7\r\n\r\nhello",
        ] {
            for cut in 0..text.len() {
                let mut buffer = text.as_bytes()[..cut].to_vec();
                assert_eq!(take_response(&mut buffer, false), Ok(None), "{cut} of {text}");
            }
            let mut buffer = text.as_bytes().to_vec();
            buffer.extend_from_slice(b"HTTP/1.1 200");
            let response = take_response(&mut buffer, false).unwrap().unwrap();
            assert_eq!((response.status, response.body.as_slice()), (200, b"hello".as_slice()));
            assert_eq!(response.header("x-id"), Some("7"));
            assert!(response.reusable);
            assert_eq!(buffer, b"HTTP/1.1 200", "what follows stays");
        }
    }

    #[test]
    fn the_end_of_the_connection_ends_a_body_without_a_length() {
        let response = whole("HTTP/1.0 403 Forbidden\r\n\r\nno");
        assert_eq!(
            (response.status, response.body.as_slice(), response.reusable),
            (403, b"no".as_slice(), false)
        );
        assert_eq!(response.explain(), "status 403: no");
        assert!(!whole("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n").reusable);
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        for text in [
            "SSH-2.0-OpenSSH_9.0\r\n\r\n",
            "HTTP/1.1 two hundred\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert!(take_response(&mut text.as_bytes().to_vec(), false).is_err(), "{text}");
        }
    }
}

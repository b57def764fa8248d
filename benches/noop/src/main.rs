//! The least an extension can be: registers, then asks for the next event for ever, and exits with 0 on SHUTDOWN.
//!
//! The start-up figures of the real extension are ratios against this one, so it has no dependency, no thread and
//! one connection. Outside Lambda it prints what it is for and exits with 2.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::ExitCode,
};

fn main() -> ExitCode {
    let Some(api) = runtime_api() else {
        eprintln!(
            "noop-extension: a Lambda extension that does nothing; runs where AWS_LAMBDA_RUNTIME_API is set"
        );
        return ExitCode::from(2);
    };
    match serve(&api) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noop-extension: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Registers for everything, or for SHUTDOWN only where INVOKE is refused (Managed Instances); then one `next` after
/// another, until SHUTDOWN.
fn serve(api: &str) -> io::Result<()> {
    let mut connection = Connection::open(api)?;
    let name = own_name();
    let mut answer = connection.register(&name, r#"{"events":["INVOKE","SHUTDOWN"]}"#)?;
    if answer.status == 403 {
        answer = connection.register(&name, r#"{"events":["SHUTDOWN"]}"#)?;
    }
    let Some(identifier) = answer.identifier else {
        return Err(io::Error::other(format!("register was answered with {}", answer.status)));
    };
    loop {
        let event = connection.next(&identifier)?;
        if event.status != 200 {
            return Err(io::Error::other(format!("next was answered with {}", event.status)));
        }
        if event.body.contains("\"SHUTDOWN\"") {
            return Ok(());
        }
    }
}

/// `host:port` of the Extensions API.
#[expect(
    clippy::disallowed_methods,
    reason = "the baseline links nothing, not even the door to the environment"
)]
fn runtime_api() -> Option<String> {
    std::env::var("AWS_LAMBDA_RUNTIME_API").ok().filter(|api| !api.is_empty())
}

/// Lambda knows an extension by the file name of its executable.
fn own_name() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_name().unwrap_or(path.as_ref()).to_string_lossy().into_owned()
}

/// One HTTP/1.1 connection, kept for the life of the process.
struct Connection {
    api: String,
    stream: BufReader<TcpStream>,
}

/// What the API answers, as far as this extension cares.
struct Answer {
    status: u16,
    identifier: Option<String>,
    body: String,
}

impl Connection {
    fn open(api: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(api)?;
        stream.set_nodelay(true)?;
        Ok(Self { api: api.to_owned(), stream: BufReader::new(stream) })
    }

    fn register(&mut self, name: &str, body: &str) -> io::Result<Answer> {
        let head = format!(
            "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: {}\r\nLambda-Extension-Name: {name}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.api,
            body.len(),
        );
        self.exchange(&head)
    }

    fn next(&mut self, identifier: &str) -> io::Result<Answer> {
        let head = format!(
            "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: {}\r\nLambda-Extension-Identifier: {identifier}\r\n\r\n",
            self.api,
        );
        self.exchange(&head)
    }

    /// Sends a request whole, in one write, and reads the answer whole.
    fn exchange(&mut self, request: &str) -> io::Result<Answer> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        let (mut identifier, mut length, mut chunked) = (None, 0, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("lambda-extension-identifier") {
                identifier = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap_or(0);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case("chunked");
            }
        }
        let body = if chunked { self.chunks()? } else { self.exactly(length)? };
        Ok(Answer { status, identifier, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            body.extend(self.exactly(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// One line without its end; a connection that closed is an error, never an empty line.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

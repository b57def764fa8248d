//! Where Lambda's APIs are: `AWS_LAMBDA_RUNTIME_API`.

use std::fmt;

/// Host, port and, where an emulator adds one, the path in front of every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    authority: String,
    prefix: String,
}

impl Address {
    /// Reads `host:port`. Emulators also give a scheme (`http://host:port`) or a path (`host:port/.rt`); the port
    /// defaults to 80.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let has_port = match authority.rsplit_once(':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some((_, port)) => !port.contains(']'),
            None => false,
        };
        Self {
            authority: if has_port { authority.to_owned() } else { format!("{authority}:80") },
            prefix: if path.is_empty() { String::new() } else { format!("/{path}") },
        }
    }

    /// `host:port`, to connect to and for the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The target of a request for `path`.
    pub(crate) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_lambda_gives_and_what_emulators_give() {
        for (text, authority, target) in [
            ("127.0.0.1:9001", "127.0.0.1:9001", "/x"),
            ("http://127.0.0.1:9001", "127.0.0.1:9001", "/x"),
            ("http://127.0.0.1:9001/", "127.0.0.1:9001", "/x"),
            ("127.0.0.1:9000/.rt", "127.0.0.1:9000", "/.rt/x"),
            ("http://localhost:9000/.rt/", "localhost:9000", "/.rt/x"),
            ("lambda", "lambda:80", "/x"),
            ("[::1]", "[::1]:80", "/x"),
            ("[::1]:9001", "[::1]:9001", "/x"),
        ] {
            let address = Address::parse(text);
            assert_eq!(address.authority(), authority, "{text}");
            assert_eq!(address.target("/x"), target, "{text}");
        }
    }
}

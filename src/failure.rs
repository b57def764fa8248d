//! What a traced handler returns in place of its error: the same answer to Lambda and the same line in the log.

use std::{any::type_name, error::Error, fmt};

use lambda_runtime::Diagnostic;

use crate::report::Failed;

/// A handler's error, already turned into Lambda's answer.
///
/// Its [`Debug`](fmt::Debug) output is that of the error it came from, since that is what `lambda_runtime` logs.
pub struct Failure {
    diagnostic: Diagnostic,
    debug: String,
}

impl Failure {
    /// From what a handler returned.
    pub(crate) fn of<E: Into<Diagnostic> + fmt::Debug>(error: E) -> Self {
        Self { debug: format!("{error:?}"), diagnostic: error.into() }
    }

    /// From an event that is not of the handler's type, as `lambda_runtime` answers it.
    pub(crate) fn of_payload(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let path = match error.path().to_string() {
            root if root == "." => String::new(),
            path => format!("[{path}] "),
        };
        Self {
            diagnostic: Diagnostic {
                error_type: format!("&{DESERIALIZE_ERROR}"),
                error_message: format!(
                    "failed to deserialize the incoming data into the function's payload type: {path}{error}\n"
                ),
            },
            debug: format!("DeserializeError {{ inner: {error:?} }}"),
        }
    }

    /// The same, for the span.
    pub(crate) fn failed(&self) -> Failed {
        Failed {
            kind: kind(&self.diagnostic.error_type, &self.debug),
            message: self.diagnostic.error_message.trim_end().to_owned(),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.debug)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.error_message)
    }
}

impl Error for Failure {}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        failure.diagnostic
    }
}

/// What a panic carries, in words.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

/// The kind of an error (`error.type`): the type that Lambda is told, without the reference that `lambda_runtime` puts
/// before it. A boxed error has hidden its type; where its debug output is that of a struct or enum, the name is there.
fn kind(error_type: &str, debug: &str) -> String {
    let named = error_type.strip_prefix('&').unwrap_or(error_type);
    if named != type_name::<Boxed>() && named != type_name::<Box<dyn Error>>() {
        return named.to_owned();
    }
    let end = debug.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(debug.len());
    let (name, rest) = debug.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase());
    if is_name && (rest.is_empty() || rest.starts_with([' ', '(']) && rest.ends_with(['}', ')'])) {
        name.to_owned()
    } else {
        "Box<dyn Error>".to_owned()
    }
}

type Boxed = Box<dyn Error + Send + Sync>;

/// The type that `lambda_runtime` 1 reports for an event that it cannot deserialise; it is private there.
pub(crate) const DESERIALIZE_ERROR: &str = "lambda_runtime::deserializer::DeserializeError";

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of<E: Into<Diagnostic> + fmt::Debug>(error: E) -> String {
        Failure::of(error).failed().kind
    }

    #[test]
    fn an_error_is_called_by_its_own_name_even_from_inside_a_box() {
        let parse = "x".parse::<u8>().expect_err("not a number");
        assert_eq!(kind_of(Boxed::from(parse)), "ParseIntError");
        assert_eq!(kind_of(std::io::Error::other("gone")), "std::io::error::Error");
    }

    #[test]
    fn words_are_not_taken_for_a_name() {
        assert_eq!(kind_of(Boxed::from("Order 17 not found")), "Box<dyn Error>");
        assert_eq!(kind("&alloc::string::String", "\"gone\""), "alloc::string::String");
    }

    #[test]
    fn lambda_is_told_what_it_would_have_been_told() {
        let error = || Boxed::from("boom");
        assert_eq!(Diagnostic::from(Failure::of(error())), Diagnostic::from(error()));
        assert_eq!(format!("{:?}", Failure::of(error())), format!("{:?}", error()));
    }
}

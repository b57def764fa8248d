//! What the extension says when somebody starts it by hand.

/// The answer to an argument that asks for one.
pub fn answer(argument: Option<&str>) -> Option<String> {
    match argument? {
        "--help" | "-h" => Some(USAGE.to_owned()),
        "--version" | "-V" => Some(format!("spanlayer {}", env!("CARGO_PKG_VERSION"))),
        _ => None,
    }
}

/// What this is, and how it is used.
pub const USAGE: &str = concat!(
    "spanlayer ",
    env!("CARGO_PKG_VERSION"),
    " - the Spanlayer extension for AWS Lambda

This program is started by Lambda, from /opt/extensions, where a layer or a
container image puts it. Outside Lambda (AWS_LAMBDA_RUNTIME_API is not set)
there is nothing it could do.

  Attach it   add the layer to a function, or copy this file to
              /opt/extensions/spanlayer in a container image
  Set it up   OTEL_EXPORTER_OTLP_ENDPOINT=https://your.backend:4318
  Send to it  spans, metrics and logs as OTLP/HTTP, to 127.0.0.1:4318
  Try it      spanlayer-cli demo, on this machine and without an account

Options: --help, --version"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_is_and_answers_the_usual_questions() {
        assert!(USAGE.contains("AWS_LAMBDA_RUNTIME_API"));
        assert_eq!(answer(Some("--help")).as_deref(), Some(USAGE));
        assert!(answer(Some("--version")).is_some_and(|text| text.contains(env!("CARGO_PKG_VERSION"))));
        assert_eq!(answer(Some("--dance")), None);
        assert_eq!(answer(None), None);
    }
}

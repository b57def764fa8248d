//! Telemetry for AWS Lambda functions in Rust that costs next to nothing.

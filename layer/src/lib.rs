//! The extension that delivers a Lambda function's telemetry.

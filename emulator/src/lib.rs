//! Lambda on loopback: Runtime, Extensions and Telemetry APIs, with faults on request.

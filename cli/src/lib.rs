//! Try, check and replay Spanlayer's telemetry from a terminal.

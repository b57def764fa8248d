//! OTLP in, compressed batches out: queue, process, encode, export.

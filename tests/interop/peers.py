#!/usr/bin/env python3
"""Real peers at both ends: what is sent through the extension comes back from their own interfaces, field by field.

    peers.py --collector FILE --jaeger FILE --zipkin FILE [--only WORDS]       (see `peers`)
"""

import argparse
import gzip
import os
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import language  # noqa: E402, F401
import samples  # noqa: E402
from processes import Collector, Extension, Program, Sink, free_port, get, post, until  # noqa: E402
from support import checks, otlp  # noqa: E402
from support.checks import check, equal  # noqa: E402

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass
class Where:
    extension: Path
    cli: Path
    zipkin_example: Path
    collector: Path
    jaeger: Path
    zipkin: Path


@check
def the_collector_takes_what_the_extension_sends_over_http_with_gzip(where):
    collected(where, "http/protobuf", "gzip")


@check
def the_collector_takes_what_the_extension_sends_over_http_with_zstd(where):
    collected(where, "http/protobuf", "zstd")


@check
def the_collector_takes_what_the_extension_sends_over_http_in_json(where):
    collected(where, "http/json", "gzip")


@check
def the_collector_takes_what_the_extension_sends_over_grpc_with_gzip(where):
    collected(where, "grpc", "gzip")


@check
def the_collector_takes_what_the_extension_sends_over_grpc_with_zstd(where):
    collected(where, "grpc", "zstd")


def collected(where, protocol: str, compression: str) -> None:
    """Sends to the extension, which sends to the Collector, which writes a file."""
    file = {"file": {"path": "./received", "format": "proto", "flush_interval": "100ms"}}
    with Collector(where.collector, file) as collector:
        port = collector.grpc if protocol == "grpc" else collector.http
        env = {"SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "SPANLAYER_EXPORTER_OTLP_PROTOCOL": protocol,
               "SPANLAYER_EXPORTER_OTLP_COMPRESSION": compression}
        with Extension(where.extension, env) as extension:
            for path, request in samples.ALL.items():
                post(f"http://127.0.0.1:{extension.http}{path}", request.SerializeToString(), PROTOBUF)
            equal(extension.end(), 0, "how the extension ended")
        collector.end()
        messages = framed((collector.place / "received").read_bytes())
    same(messages, "what the Collector wrote")


@check
def the_collector_gets_from_dead_letters_exactly_what_it_had_missed(where):
    file = {"file": {"path": "./received", "format": "proto", "flush_interval": "100ms"}}
    letters = Path(tempfile.mkdtemp(prefix="spanlayer-letters-")) / "letters"
    with Collector(where.collector, file) as collector:
        env = {"SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http}", "SPANLAYER_FLUSH": "continuous",
               "SPANLAYER_DEAD_LETTERS": f"file:{letters}"}
        with Extension(where.extension, env) as extension:
            at = f"http://127.0.0.1:{extension.http}"
            first, *missed = samples.ALL
            post(f"{at}{first}", samples.ALL[first].SerializeToString(), PROTOBUF)
            until(lambda: (collector.place / "received").stat().st_size > 0, "the first delivery")
            collector.end()
            for path in missed:
                post(f"{at}{path}", samples.ALL[path].SerializeToString(), PROTOBUF)
            equal(extension.end(), 0, "how the extension ended")
    with Collector(where.collector, file) as collector:
        for left in (True, False):
            equal(letters.exists(), left, "the file of letters")
            command = [where.cli, "replay", *([letters] if left else ["-"]), "--to", f"http://127.0.0.1:{collector.http}"]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, cwd=letters.parent)
        collector.end()
        messages = framed((collector.place / "received").read_bytes())
    for path in missed:
        expected = samples.ALL[path]
        equal(sum(parsed(type(expected), one) == expected for one in messages), 1, f"{path}, in {messages}")
    equal(len(messages), len(missed), "messages")


def framed(data: bytes) -> list[bytes]:
    """The messages of a file of the Collector's file exporter: each behind its length."""
    messages = []
    while data:
        (length,) = struct.unpack(">I", data[:4])
        messages.append(data[4:4 + length])
        data = data[4 + length:]
    return messages


def same(messages: list[bytes], what: str) -> None:
    """Whether these are the samples, each once, whatever their order."""
    for path, expected in samples.ALL.items():
        # Field 1 of all three; what is read as the wrong one does not come out the same.
        got = [one for one in messages if parsed(type(expected), one) == expected]
        if len(got) != 1:
            alike = [parsed(type(expected), one) for one in messages]
            raise AssertionError(f"{what}: {path} {len(got)} times, in\n{alike}\nexpected\n{expected}")
    equal(len(messages), len(samples.ALL), f"{what}: messages")


def parsed(kind, data: bytes):
    try:
        return kind.FromString(data)
    except Exception:  # not of this kind
        return None


@check
def the_collectors_http_exporter_sends_through_the_extension_with_gzip(where):
    passed_on(where, "otlp_http", {"compression": "gzip"})


@check
def the_collectors_http_exporter_sends_through_the_extension_with_zstd(where):
    passed_on(where, "otlp_http", {"compression": "zstd"})


@check
def the_collectors_http_exporter_sends_through_the_extension_in_json(where):
    passed_on(where, "otlp_http", {"compression": "none", "encoding": "json"})


@check
def the_collectors_grpc_exporter_sends_through_the_extension_with_gzip(where):
    passed_on(where, "otlp_grpc", {"compression": "gzip"})


@check
def the_collectors_grpc_exporter_sends_through_the_extension_with_zstd(where):
    passed_on(where, "otlp_grpc", {"compression": "zstd"})


@check
def the_collectors_grpc_exporter_sends_through_the_extension_uncompressed(where):
    passed_on(where, "otlp_grpc", {"compression": "none"})


def passed_on(where, exporter: str, settings: dict) -> None:
    """Sends to the Collector, which sends to the extension, which sends to a sink."""
    with Sink(sys.executable) as sink:
        env = {"SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}",
               "SPANLAYER_EXPORTER_OTLP_COMPRESSION": "zstd"}
        with Extension(where.extension, env) as extension:
            endpoint = f"127.0.0.1:{extension.grpc}" if exporter == "otlp_grpc" else f"http://127.0.0.1:{extension.http}"
            settings = {"endpoint": endpoint, "tls": {"insecure": True}, **settings}
            with Collector(where.collector, {exporter: settings}) as collector:
                for path, request in samples.ALL.items():
                    packed = {**PROTOBUF, "Content-Encoding": "gzip"}
                    post(f"http://127.0.0.1:{collector.http}{path}", gzip.compress(request.SerializeToString()), packed)
                equal(collector.end(), 0, "how the Collector ended")
            equal(extension.end(), 0, "how the extension ended")
        received = otlp.requests(sink.received())
    same([one.message.SerializeToString() for one in received], "what the destination received")
    equal({one.headers["content-encoding"] for one in received}, {"zstd"}, "encodings on the wire")


@check
def jaeger_shows_what_the_extension_sends_over_grpc(where):
    shown_by_jaeger(where, "grpc")


@check
def jaeger_shows_what_the_extension_sends_over_http(where):
    shown_by_jaeger(where, "http/protobuf")


def shown_by_jaeger(where, protocol: str) -> None:
    ports = {name: free_port() for name in ("http", "grpc", "query", "query_grpc")}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    config = {
        "extensions": {"jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 100}}}},
                       "jaeger_query": {"storage": {"traces": "memory"}, "http": {"endpoint": at["query"]},
                                        "grpc": {"endpoint": at["query_grpc"]}}},
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": at["http"]}, "grpc": {"endpoint": at["grpc"]}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        "service": {"extensions": ["jaeger_storage", "jaeger_query"], "telemetry": {"metrics": {"level": "none"}},
                    "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}}},
    }
    with Program.configured("jaeger", where.jaeger, config) as jaeger:
        jaeger.wait_for(*ports.values())
        env = {"SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://{at['grpc' if protocol == 'grpc' else 'http']}",
               "SPANLAYER_EXPORTER_OTLP_PROTOCOL": protocol}
        with Extension(where.extension, env) as extension:
            post(f"http://127.0.0.1:{extension.http}/v1/traces", samples.traces().SerializeToString(), PROTOBUF)
            equal(extension.end(), 0, "how the extension ended")
        address = f"http://{at['query']}/api/traces/{samples.TRACE.hex()}"
        [trace] = until(lambda: (get(address) or {}).get("data"), "the trace")
    spans = sorted(trace["spans"], key=lambda span: span["startTime"])
    sent = samples.traces().resource_spans[0].scope_spans[0].spans
    equal([span["spanID"] for span in spans], [span.span_id.hex() for span in sent], "span ids")
    for got, span in zip(spans, sent):
        equal(got["operationName"], span.name, "name")
        equal(got["startTime"], span.start_time_unix_nano // 1000, "start, in microseconds")
        equal(got["duration"], 10_000, "duration, in microseconds")
        tags = {tag["key"]: tag["value"] for tag in got["tags"]}
        for key in ("text", "double", "true", "false"):
            equal(tags[key], samples.ATTRIBUTES[key], key)
        equal(tags["int"], str(samples.ATTRIBUTES["int"]), "an integer that JavaScript cannot hold")
        equal(tags["otel.scope.name"], "interop", "scope")
        equal(tags.get("otel.status_code"), {0: None, 1: "OK", 2: "ERROR"}[span.status.code], "status")
        parents = [one["spanID"] for one in got["references"] if one["refType"] == "CHILD_OF"]
        equal(parents, [span.parent_span_id.hex()] if span.parent_span_id else [], "parent")
        equal([len(got["logs"])], [1], "events")
    equal(trace["processes"]["p1"]["serviceName"], "shop", "service")


@check
def zipkin_shows_what_the_pipeline_sends(where):
    port = free_port()
    command = ["java", "-Xmx256m", "-jar", where.zipkin, f"--server.port={port}", f"--armeria.ports[0].port={port}",
               "--armeria.ports[0].address=127.0.0.1", "--armeria.ports[0].protocols[0]=http"]
    with Program("zipkin", command, {"PATH": os.environ["PATH"], "QUERY_PORT": str(port)}) as zipkin:
        zipkin.wait_for(port)
        request = samples.traces().SerializeToString()
        done = subprocess.run([where.zipkin_example, f"http://127.0.0.1:{port}"], input=request, capture_output=True)
        equal(done.returncode, 0, f"how the example ended ({done.stderr.decode()})")
        address = f"http://127.0.0.1:{port}/api/v2/trace/{samples.TRACE.hex()}"
        until(lambda: get(f"http://127.0.0.1:{port}/api/v2/services") == ["shop"], "the service")
        spans = sorted(until(lambda: get(address), "the trace"), key=lambda span: span["timestamp"])
    sent = samples.traces().resource_spans[0].scope_spans[0].spans
    equal([span["id"] for span in spans], [span.span_id.hex() for span in sent], "span ids")
    for got, span in zip(spans, sent):
        equal(got["traceId"], samples.TRACE.hex(), "trace")
        equal(got.get("parentId"), span.parent_span_id.hex() or None, "parent")
        equal(got["name"], span.name, "name")
        equal(got.get("kind"), {2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}.get(span.kind), "kind")
        equal(got["timestamp"], span.start_time_unix_nano // 1000, "start, in microseconds")
        equal(got["duration"], 10_000, "duration, in microseconds")
        equal(got["localEndpoint"]["serviceName"], "shop", "service")
        equal(got["tags"]["text"], samples.ATTRIBUTES["text"], "text")
        equal(got["tags"]["int"], str(samples.ATTRIBUTES["int"]), "int")
        equal(got["tags"]["otel.scope.name"], "interop", "scope")
        equal(got["tags"].get("error"), "no such order" if span.status.code == 2 else None, "error")
        [annotation] = got["annotations"]
        equal(annotation["timestamp"], (samples.NOW + samples.MILLISECOND) // 1000, "event, in microseconds")
        equal(annotation["value"], '"event": {"n":1}', "event")


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parents[2] / "target").resolve()
    parser = argparse.ArgumentParser()
    for peer in ("collector", "jaeger", "zipkin"):
        parser.add_argument(f"--{peer}", type=Path, required=True)
    parser.add_argument("--extension", type=Path, default=target / "release" / "spanlayer")
    parser.add_argument("--cli", default=target / "release" / "spanlayer-cli",
                        type=lambda text: Path(text).resolve())
    parser.add_argument("--zipkin-example", type=Path, default=target / "release" / "examples" / "zipkin")
    parser.add_argument("--only", default="")
    given = vars(parser.parse_args())
    only = given.pop("only")
    return checks.run(Where(**given), only)


if __name__ == "__main__":
    sys.exit(main())

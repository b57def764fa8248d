"""Real faults: `spanlayer run` before a destination with a fault, and what a scraper sees of it, as series for promtool.

A process is scraped when it is ready, and again when the fault has happened. The series go on as they did between the two:
a minute like this one, and another, and so on.
"""

import email.utils
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

from processes import Program, free_port, until  # noqa: E402

MINUTES = 90

# States that go on changing while a fault lasts, as sums do.
GROWING = ("queue_size", "spanlayer_queue_size_bytes", "spanlayer_uptime_seconds")


@dataclass
class Fault:
    """What is wrong, and what has to be told of it."""

    alerts: set
    status: int = 200
    delay: float = 0
    date: float = 0  # seconds by which the destination's clock is ahead
    hangs_up: bool = False  # instead of an answer, the first time
    listens: bool = True
    processors: dict = field(default_factory=dict)
    exporter: dict = field(default_factory=dict)
    env: dict = field(default_factory=dict)
    begins: float = 0  # seconds from now that spans begin
    spans: int = 5
    seen: str = "spanlayer_exporter_attempts_total"


class Destination(BaseHTTPRequestHandler):
    """Takes OTLP/HTTP, with a fault."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        fault = self.server.fault
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(fault.delay)
        if fault.hangs_up and not self.server.hung_up:
            self.server.hung_up, self.close_connection = True, True
            return
        self.send_response_only(fault.status)
        self.send_header("Date", email.utils.formatdate(time.time() + fault.date, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def running(binary: Path, fault: Fault):
    """A process before a destination with this fault: its ports for OTLP and for scrapers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Destination)
    server.daemon_threads, server.fault, server.hung_up = True, fault, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1] if fault.listens else free_port()
    http, health = free_port(), free_port()
    place = Path(tempfile.mkdtemp(prefix="spanlayer-operations-"))
    file = place / "spanlayer.yaml"
    pipeline = {"receivers": ["otlp"], "processors": [*fault.processors, "batch"], "exporters": ["otlphttp"]}
    file.write_text(json.dumps({
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{http}"}}}},
        "processors": {"batch": {"timeout": "200ms"}, **fault.processors},
        "exporters": {"otlphttp": {"endpoint": f"http://127.0.0.1:{port}", **fault.exporter}},
        "service": {"pipelines": {"traces": pipeline}},
    }))
    env = {"PATH": os.environ["PATH"], "SPANLAYER_HEALTH": f"127.0.0.1:{health}",
           "SPANLAYER_STATE_DIR": str(place / "state"), **fault.env}
    try:
        with Program("run", [binary, "run", "--config", file], env) as program:
            program.wait_for(http, health)
            yield http, health
    finally:
        server.shutdown()
        shutil.rmtree(place)


def series(binary: Path, fault: Fault) -> list[dict]:
    """What a scraper sees of the fault, minute by minute, for `input_series`."""
    with running(binary, fault) as (http, health):
        before, _ = samples(scrape(health))
        for _ in range(fault.spans):
            post(http, fault.begins)

        def happened():
            now, _ = samples(scrape(health))
            return sum(value for name, value in now.items() if name.startswith(fault.seen)) > 0

        until(happened, f"{fault.seen} is more than 0", 30)
        time.sleep(0.5)
        after, kinds = samples(scrape(health))
    return [{"series": name, "values": values(before.get(name, 0), value, grows(name, kinds))}
            for name, value in after.items()]


def values(before: float, after: float, grows: bool) -> str:
    return f"{before}+{max(after - before, 0)}x{MINUTES}" if grows else f"{after}x{MINUTES}"


def grows(name: str, kinds: dict) -> bool:
    family = re.sub(r"_(bucket|sum|count)$", "", name.split("{")[0])
    return kinds.get(family, kinds.get(name.split("{")[0])) != "gauge" or family.endswith(GROWING)


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


def samples(text: str) -> tuple[dict, dict]:
    """Values by series, with the labels that Prometheus adds; kinds by family."""
    values, kinds = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            kinds[family] = kind
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            name, labels = name.rstrip("}").split("{") if "{" in name else (name, "")
            labels = ",".join(filter(None, [labels, 'job="live"', 'instance="live"']))
            values[f"{name}{{{labels}}}"] = float(value)
    return values, kinds


def post(port: int, begins: float) -> None:
    now = int((time.time() + begins) * 1e9)
    span = {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "work",
            "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1_000_000),
            "attributes": [{"key": "weight", "value": {"stringValue": "x" * 1024}}]}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        # A queue that is full says so.
        if error.code not in (429, 413):
            raise

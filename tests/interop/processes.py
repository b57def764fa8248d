"""The extension and its peers, as processes that end with a check."""

import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE = 60


# Below what the system gives to outgoing connections, which would otherwise take one before its program listens; no port
# is given out twice.
PORTS = iter(random.sample(range(15_000, 32_000), 17_000))


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


class Program:
    """A process with a directory of its own, where its output is kept."""

    def __init__(self, name: str, command, env: dict | None = None):
        self.name = name
        self.place = Path(tempfile.mkdtemp(prefix=f"spanlayer-{name}-"))
        self.output = (self.place / "output").open("w+")
        self.process = subprocess.Popen([str(word) for word in command], env=env, cwd=self.place,
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)

    @classmethod
    def configured(cls, name: str, binary: Path, config: dict):
        """One that takes the Collector's kind of configuration."""
        env = {"PATH": os.environ["PATH"], "OTEL_TRACES_SAMPLER": "always_off"}  # Jaeger would trace itself
        return cls(name, [binary, f"--config=file:{written(config)}"], env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self) -> int:
        """Asks it to end, and waits."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.name} does not end; see {self.place}/output")

    def wait_for(self, *ports: int) -> None:
        """Until it listens at all of these."""
        for port in ports:
            until(lambda: self.listens(port), f"{self.name} listens at {port}; see {self.place}/output", 3 * PATIENCE)

    def listens(self, port: int) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended by itself; see {self.place}/output")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0


def until(condition, what: str, patience: float = PATIENCE):
    """Asks again and again until the answer is true, and gives it."""
    limit = time.monotonic() + patience
    while not (answer := condition()):
        if time.monotonic() > limit:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        time.sleep(0.05)
    return answer


class Lambda(BaseHTTPRequestHandler):
    """As much of Lambda's Extensions API as it takes to start an extension and to end it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer({"functionName": "function", "functionVersion": "1", "handler": "handler"},
                    {"Lambda-Extension-Identifier": "extension"})

    do_PUT = do_POST

    def do_GET(self):
        self.server.ready.set()
        self.server.over.wait()
        deadline = int((time.time() + 10) * 1000)
        self.answer({"eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": deadline})

    def answer(self, body: dict, headers: dict | None = None):
        text = json.dumps(body).encode()
        self.send_response(200)
        for name, value in {**(headers or {}), "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Extension(Program):
    """The extension, from registration to the end of the shutdown."""

    def __init__(self, binary: Path, env: dict, command: list | None = None):
        """`command` runs the binary, where it is not to be run as it is."""
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), Lambda)
        self.api.daemon_threads = True
        self.api.ready, self.api.over = threading.Event(), threading.Event()
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.http, self.grpc = free_port(), free_port()
        state = tempfile.mkdtemp(prefix="spanlayer-state-")
        super().__init__("extension", command or [binary], {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "SPANLAYER_OTLP_HTTP": f"127.0.0.1:{self.http}",
            "SPANLAYER_OTLP_GRPC": f"127.0.0.1:{self.grpc}",
            "SPANLAYER_TELEMETRY_API": "off",
            "SPANLAYER_STATE_DIR": state,
            **env,
        })
        if not self.api.ready.wait(PATIENCE):
            raise AssertionError(f"the extension does not ask for the next event; see {self.place}/output")

    def end(self) -> int:
        """Lambda says that it is over; everything goes out before the process ends."""
        self.api.over.set()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.api.shutdown()


class Sink(Program):
    """Takes OTLP/HTTP and keeps it as it came (tests/support/sink.py)."""

    def __init__(self, python: str):
        self.port = free_port()
        script = Path(__file__).resolve().parents[1] / "support" / "sink.py"
        self.name, self.place = "sink", Path(tempfile.mkdtemp(prefix="spanlayer-sink-"))
        self.process = subprocess.Popen([python, script, str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def received(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/received") as answer:
            return answer.read().decode()


class Collector(Program):
    """The OpenTelemetry Collector: takes OTLP over both protocols, and passes it through the given processors to the given
    exporters."""

    def __init__(self, binary: Path, exporters: dict, processors: dict = {}, signals=("traces", "metrics", "logs")):
        self.http, self.grpc = free_port(), free_port()
        pipeline = {"receivers": ["otlp"], "processors": list(processors), "exporters": list(exporters)}
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.http}"},
                                                 "grpc": {"endpoint": f"127.0.0.1:{self.grpc}"}}}},
            "processors": processors,
            "exporters": exporters,
            "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": dict.fromkeys(signals, pipeline)},
        }
        super().__init__("collector", [binary, f"--config=file:{written(config)}"], {"PATH": os.environ["PATH"]})
        self.wait_for(self.http, self.grpc)


def written(config: dict) -> Path:
    """A file that holds this; YAML holds JSON."""
    place = Path(tempfile.mkdtemp(prefix="spanlayer-config-")) / "config.yaml"
    place.write_text(json.dumps(config))
    return place


def post(address: str, body: bytes, headers: dict) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
        return answer.read()


def get(address: str):
    """What is there, in JSON; nothing, while it is not found or the server is still starting."""
    try:
        with urllib.request.urlopen(address) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code not in (404, 503):
            raise
        return None

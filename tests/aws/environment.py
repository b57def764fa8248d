"""An execution environment of AWS's Runtime Interface Emulator, from the outside."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import otlp  # noqa: E402


@dataclass
class Where:
    """Where things are on this machine."""

    rie: Path
    layer: Path
    binaries: Path
    logs: Path
    sink: str = "http://127.0.0.1:4000"

    @classmethod
    def arguments(cls) -> tuple["Where", str]:
        """What the command line says (tests/aws/run), and which checks it asks for."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--rie", type=Path, required=True)
        parser.add_argument("--only", default="")
        given = parser.parse_args()
        target = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parents[1] / "target").resolve()
        where = cls(rie=given.rie, layer=target / "layer" / "spanlayer-x86_64.zip", binaries=target / "release",
                    logs=target / "aws")
        where.logs.mkdir(parents=True, exist_ok=True)
        return where, given.only

    def binary(self, name: str) -> Path:
        """An executable of the release build."""
        return self.binaries / name


@dataclass
class Answer:
    """What the caller of an invocation got."""

    status: int
    body: str
    ms: float

    def json(self):
        return json.loads(self.body)


class Environment:
    """A function and a layer (a zip, or an extension's executable) under the emulator.

    The destination is a sink inside; `OTEL_EXPORTER_OTLP_ENDPOINT` points at it unless `env` says otherwise. `managed`
    is the number of simultaneous invocations in the Managed Instances mode, 0 for a classic function.
    """

    def __init__(self, where, name: str, function: Path, layer: Path | None, env: dict | None = None, managed: int = 0):
        self.log_path = where.logs / f"{name}.log"
        spec = {"rie": str(where.rie), "function": str(function), "layer": layer and str(layer),
                "env": env or {}, "managed": managed, "log": str(self.log_path)}
        # Ahead of whatever else this machine is doing, which is not to show in response times.
        self.process = subprocess.Popen(
            ["nice", "-n", "-15", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
             sys.executable, HERE / "inside.py", json.dumps(spec)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.read()
        except EnvironmentError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)

    def invoke(self, event, times=1, gap_ms=0) -> list[Answer]:
        return [Answer(*one) for one in self.ask("invoke", event=event, times=times, gap_ms=gap_ms)]

    def invoke_at_once(self, event, times: int, at_once: int) -> dict:
        """Until so many are answered: their bodies, how many were turned away, and how many ran at once at most."""
        return self.ask("invoke_at_once", event=event, times=times, at_once=at_once)

    def requests(self) -> list[otlp.Request]:
        return otlp.requests(self.ask("received"))

    def spans(self) -> list[otlp.Span]:
        return otlp.spans(self.requests())

    def request_count(self) -> int:
        return self.ask("request_count")

    def stop(self) -> dict:
        return self.ask("stop")

    def processes(self) -> list[str]:
        return self.ask("processes")

    def file(self, path: str) -> str:
        """A file as the processes inside see it."""
        return self.ask("read_file", path=path)

    def log(self) -> str:
        return self.ask("read_log")

    def ask(self, what: str, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise EnvironmentError(f"the environment ended by itself; see {self.log_path}")
        return json.loads(line)

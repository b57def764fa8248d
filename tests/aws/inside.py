#!/usr/bin/env python3
"""One execution environment, from the inside: runs in namespaces of its own and obeys commands, JSON lines.

    inside.py SPEC     SPEC is JSON: rie, function, layer, env, managed, log

Started by environment.py under `unshare`: what is mounted here is seen here only, the loopback interface is ours alone
(so every environment has port 4318 to itself, as in Lambda), and when this process ends the kernel ends all the others.
"""

import fcntl
import http.client
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

INVOKE_PORT, API_PORT, SINK_PORT = 8080, 9001, 4000
SINK = f"http://127.0.0.1:{SINK_PORT}"
INVOKE_PATH = "/2015-03-31/functions/function/invocations"

BOOTSTRAP = Path("/var/task/bootstrap")
EMULATOR = Path("/var/rapid/aws-lambda-rie")


class Environment:
    def __init__(self, spec: dict):
        loopback_up()
        sink = Path(__file__).resolve().parent.parent / "support" / "sink.py"
        self.sink = subprocess.Popen([sys.executable, sink, str(SINK_PORT)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sink.stdout.readline()
        self.log = open(spec["log"], "w+b")
        furnish(spec)
        self.emulator = subprocess.Popen(
            [EMULATOR, "--log-level", "info",
             "--runtime-interface-emulator-address", f"127.0.0.1:{INVOKE_PORT}",
             "--runtime-api-address", f"127.0.0.1:{API_PORT}", BOOTSTRAP],
            cwd="/var/task", env=environment(spec), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.connection = None
        self.connect()

    def connect(self) -> None:
        """Connects to the emulator as soon as it listens."""
        limit = time.monotonic() + 20
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", INVOKE_PORT, timeout=60)
            try:
                connection.connect()
            except ConnectionRefusedError:
                if self.emulator.poll() is not None or time.monotonic() > limit:
                    raise SystemExit(f"the emulator does not listen: {self.emulator.poll()}")
                time.sleep(0.005)
                continue
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection = connection
            return

    def invoke(self, event, times=1, gap_ms=0) -> list:
        """Invokes one after another. Each answer is [HTTP status, body, milliseconds until it was there]."""
        payload, answers = json.dumps(event).encode(), []
        for _ in range(times):
            answers.append(self.invoke_once(self.connection, payload))
            if gap_ms:
                time.sleep(gap_ms / 1000)
        return answers

    def invoke_at_once(self, event, times, at_once) -> dict:
        """Invokes until so many are answered, so many at a time, each behind the other on a connection of its own. The
        emulator has no queue: what it turns away is tried again, and counted."""
        payload, left, lock = json.dumps(event).encode(), [times], threading.Lock()
        bodies, turned_away, running, most = [], 0, 0, 0

        def one_after_another():
            nonlocal turned_away, running, most
            connection = http.client.HTTPConnection("127.0.0.1", INVOKE_PORT, timeout=60)
            while True:
                with lock:
                    if not left[0] or turned_away > 50 * times:
                        return
                    left[0] -= 1
                    running += 1
                    most = max(most, running)
                _, body, _ = self.invoke_once(connection, payload)
                with lock:
                    running -= 1
                    if "Runtime.Unavailable" in body:
                        left[0] += 1
                        turned_away += 1
                    else:
                        bodies.append(body)

        threads = [threading.Thread(target=one_after_another) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"bodies": bodies, "turned_away": turned_away, "most": most}

    @staticmethod
    def invoke_once(connection, payload) -> list:
        start = time.perf_counter_ns()
        connection.request("POST", INVOKE_PATH, payload, {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        took = (time.perf_counter_ns() - start) / 1e6
        return [response.status, body.decode(errors="replace"), took]

    def received(self) -> str:
        """All that the destination received so far, as sink.py writes it."""
        with urllib.request.urlopen(f"{SINK}/received") as answer:
            return answer.read().decode()

    def request_count(self) -> int:
        with urllib.request.urlopen(f"{SINK}/count") as answer:
            return int(answer.read())

    def stop(self) -> dict:
        """SIGTERM to the emulator, as when an environment is taken down; how it ended and how long that took."""
        start = time.monotonic()
        self.emulator.send_signal(signal.SIGTERM)
        try:
            code = self.emulator.wait(10)
        except subprocess.TimeoutExpired:
            self.emulator.kill()
            code = "killed after 10 s"
        return {"code": code, "seconds": time.monotonic() - start}

    def processes(self) -> list:
        """The command lines of all processes here."""
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
        return [line.replace(b"\0", b" ").decode().strip() for line in lines if line]

    def read_file(self, path) -> str:
        return Path(path).read_text()

    def read_log(self) -> str:
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def loopback_up() -> None:
    """What `ip link set lo up` does, without asking for the program."""
    flags_of, set_flags, up = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    with socket.socket() as any_socket:
        request = struct.pack("16sh14s", b"lo", 0, b"")
        flags = struct.unpack("16sh14s", fcntl.ioctl(any_socket, flags_of, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14s", b"lo", flags | up, b""))


def furnish(spec: dict) -> None:
    """Lays out the file system as Lambda does: /opt from the layer, /var/task from the function, an empty /tmp."""
    # Read before mounting: the checkout itself may lie below one of these.
    emulator, function = Path(spec["rie"]).read_bytes(), Path(spec["function"]).read_bytes()
    layer = Path(spec["layer"]).read_bytes() if spec["layer"] else None
    for where, options in [("/opt", "mode=755"), ("/var", "mode=755"), ("/tmp", "mode=1777,size=512m")]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], check=True)
    place(EMULATOR, emulator)
    place(BOOTSTRAP, function)
    if layer is None:
        return
    if spec["layer"].endswith(".zip"):
        # With the modes that the zip carries, as Lambda does; Python's own extraction would lose them.
        with zipfile.ZipFile(io.BytesIO(layer)) as archive:
            for member in archive.infolist():
                place(Path("/opt") / member.filename, archive.read(member), member.external_attr >> 16 & 0o777)
    else:
        place(Path("/opt/extensions") / Path(spec["layer"]).name, layer)


def place(path: Path, content: bytes, mode=0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def environment(spec: dict) -> dict:
    """Nothing of this machine's environment, but what Lambda sets."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "10",
        "OTEL_EXPORTER_OTLP_ENDPOINT": SINK,
        **({"AWS_LAMBDA_MAX_CONCURRENCY": str(spec["managed"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"} if spec["managed"] else {}),
        **spec["env"],
    }


def main() -> None:
    here = Environment(json.loads(sys.argv[1]))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(here, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)
    # Being the first process of its namespace, our end is everybody's.
    os._exit(0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Records which functions of the extension run when, and writes `layer/order.ld` from it.

    order.py --binary FILE --cli FILE --function FILE --out layer/order.ld     (see `make order`)

What runs from the start until the extension waits for its first event is a tenth of the program. Wherever the linker
happens to leave it, it lies on most of the program's pages, and all of those are read from disk and mapped; side by side,
it is on as few as there can be. Next to it stands what runs in the life of an environment in which all goes well.

A program with symbols runs under valgrind, which counts calls: up to the first wait; under the local emulator; and with
each signal on its way to a destination that is spoken to by TLS. The order within a group is the alphabet's, so that the
file changes as little as the program does. Names are without what a compiler adds to them, which differs from one to the next.
"""

import argparse
import http.server
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "tests" / part) for part in (".", "interop")]

import samples  # noqa: E402
from processes import Extension, post, until  # noqa: E402

# Characters of a name that tell it from others well enough: what is alike for so long belongs together anyway.
LONG = 120

HEAD = """\
/* Where the linker puts what runs first, and what runs often; written by `make order`, from a recording.
   Functions that are not named follow as they come, and names that no longer exist do no harm. */
"""


def main() -> int:
    args = arguments()
    sizes = symbols(args.binary)
    with tempfile.TemporaryDirectory(prefix="spanlayer-order-") as directory:
        place = Path(directory)
        start = until_idle(place, args.binary)
        serve = locally(place, args.binary, args.cli, args.function) | over_tls(place, args.binary)
    groups = {".text.start": start & sizes.keys(), ".text.serve": (serve - start) & sizes.keys()}
    sections = []
    for name, functions in groups.items():
        print(f"{name}: {len(functions)} functions, {sum(sizes[one] for one in functions) / 1000:.0f} KB")
        patterns = sorted({pattern(one) for one in functions})
        # In `.text.` and the name; where it is marked as cold, in `.text.unlikely.` and the name.
        lines = "".join(f"    *(.text.*{one})\n" for one in patterns)
        sections.append(f"  {name} : {{\n{lines}  }}\n")
    args.out.write_text(f"{HEAD}SECTIONS\n{{\n{''.join(sections)}}}\nINSERT BEFORE .text;\n")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True, help="the extension, with its symbols")
    parser.add_argument("--cli", type=Path, required=True, help="spanlayer-cli")
    parser.add_argument("--function", type=Path, required=True, help="a function that makes spans")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def symbols(binary: Path) -> dict[str, int]:
    """The program's own functions, with their sizes in bytes."""
    table = subprocess.run(["nm", "--print-size", binary], check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^\S+ (\S+) [tTwW] (\S+)$", table, re.MULTILINE)
    if not found:
        sys.exit(f"error: {binary} has no symbols; build it with CARGO_PROFILE_RELEASE_STRIP=none")
    return {name: int(size, 16) for size, name in found}


def pattern(function: str) -> str:
    """A function's name, for the linker, in this build and the next: of both manglings, without hashes and counters, and
    without the end of one that is very long."""
    legacy = re.sub(r"17h[0-9a-f]{16}E.*$", "17h*", function)
    name = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", re.sub(r"\.(llvm\.)?\d+$", "*", legacy))
    return name if len(name) <= LONG else name[:LONG] + "*"


def valgrind(out: Path, binary: Path) -> list[str]:
    return ["valgrind", "--quiet", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out}", str(binary.resolve())]


def called(recording: Path) -> set[str]:
    """The functions that a recording names."""
    return set(re.findall(r"^c?fn=\(\d+\) ([^\s']+)", recording.read_text(), re.MULTILINE))


def until_idle(place: Path, binary: Path) -> set[str]:
    out = place / "idle"
    # What nearly everybody sets.
    env = {"SPANLAYER_TELEMETRY_API": "on", "OTEL_SERVICE_NAME": "orders", "OTEL_RESOURCE_ATTRIBUTES": "team=shop",
           "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example:4318", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=none"}
    with Extension(binary, env, valgrind(out, binary)) as extension:
        time.sleep(3)
        # The process writes it itself, in a file with a number: what follows is not in it.
        subprocess.run(["callgrind_control", "-d", str(extension.process.pid)], check=True, stdout=subprocess.DEVNULL)
        dump = place / "idle.1"
        until(lambda: dump.exists() and "\ntotals:" in dump.read_text(), "the recording")
    return called(dump)


def locally(place: Path, binary: Path, cli: Path, function: Path) -> set[str]:
    """In the life of an environment, with a function that uses the wrapper."""
    out = place / "local"
    script = place / "spanlayer"  # an extension registers by its file's name
    script.write_text(f"#!/bin/sh\nexec {' '.join(valgrind(out, binary))}\n")
    script.chmod(0o755)
    subprocess.run([cli, "local", "--extension", script, "--function", function, "--repeat", "5"], check=True,
                   stdout=subprocess.DEVNULL)
    return called(out)


def over_tls(place: Path, binary: Path) -> set[str]:
    """With each signal, to a destination that is spoken to by TLS and answers."""
    out = place / "tls"
    key, certificate = place / "key.pem", place / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-days", "1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Destination) as server:
        server.taken = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{server.server_address[1]}",
               "SPANLAYER_EXPORTER_OTLP_CERTIFICATE": str(certificate), "SPANLAYER_FLUSH": "continuous"}
        with Extension(binary, env, valgrind(out, binary)) as extension:
            for path, request in samples.ALL.items():
                post(f"http://127.0.0.1:{extension.http}{path}", request.SerializeToString(),
                     {"Content-Type": "application/x-protobuf"})
            until(lambda: server.taken >= len(samples.ALL), "the deliveries")
            extension.end()
        server.shutdown()
    return called(out)


class Destination(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""An OTLP/HTTP receiver, in a process of its own so that its work does not show in what others measure.

    sink.py PORT

Requests are kept as they came; decoding waits until somebody asks. `GET /received` answers with all of them as JSON
lines: path, headers and the body in base64. `GET /count` answers with how many there are.
"""

import base64
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RECEIVED: list[dict] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        RECEIVED.append({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body})
        # An empty Export*ServiceResponse: everything was taken.
        self.answer(b"", self.headers["Content-Type"])

    def do_GET(self):
        if self.path == "/count":
            self.answer(str(len(RECEIVED)).encode(), "text/plain")
        else:
            lines = [json.dumps({**one, "body": base64.b64encode(one["body"]).decode()}) for one in list(RECEIVED)]
            self.answer("\n".join(lines).encode(), "application/json")

    def answer(self, body, content_type):
        self.send_response(200)
        self.send_header("Content-Type", content_type or "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    # The one line of output says that requests are taken from now on, and where.
    print(server.server_address[1], flush=True)
    # Ends with whoever started it: standard input closes.
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A function whose init lasts until the conformance script has made the calls that belong there: registration closes
when the runtime asks for its first event, and which of the two comes first would be chance."""

import os
import time
import urllib.request

LAST_CALL = '{"check": "telemetry",'
RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def last_call_was_made() -> bool:
    with open(os.environ["CONFORMANCE_RESULTS"], encoding="utf-8") as results:
        return any(line.startswith(LAST_CALL) for line in results)


while not last_call_was_made():
    time.sleep(0.01)
while True:
    with urllib.request.urlopen(f"{RUNTIME}/next") as event:
        request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
        event.read()
    urllib.request.urlopen(f"{RUNTIME}/{request_id}/response", b"{}").close()

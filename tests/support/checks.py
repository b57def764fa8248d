"""Runs checks, says how each went, and counts.

A check is a function whose name is a sentence; it fails by raising. The counts are printed as `N passed, N failed`, and
added to the file that $TALLY names, from which `.ci/run` makes its total.
"""

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Callable

CHECKS: list[Callable] = []


def check(function: Callable) -> Callable:
    """Registers a check."""
    CHECKS.append(function)
    return function


def run(given=None, only: str = "") -> int:
    """Runs the checks whose name contains `only`, in the order of registration, each with `given` if there is one.

    The exit code for the process: 0 when at least one ran and none failed.
    """
    passed, failed = 0, 0
    for function in CHECKS:
        if only.replace(" ", "_") not in function.__name__:
            continue
        start = time.monotonic()
        try:
            said = function(given) if given else function()
            passed, verdict = passed + 1, "ok    "
        except Exception:
            said, failed, verdict = None, failed + 1, "FAILED"
            traceback.print_exc(file=sys.stdout)
        sentence = function.__name__.replace("_", " ")
        print(f"{verdict} {sentence} ({time.monotonic() - start:.1f} s)" + (f": {said}" if said else ""), flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    if tally := os.environ.get("TALLY"):
        with Path(tally).open("a") as file:
            print(passed, failed, file=file)
    return 0 if passed and not failed else 1


def equal(got, expected, what: str) -> None:
    """Fails with both values."""
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


def true(condition, what: str) -> None:
    """Fails with what should have been."""
    if not condition:
        raise AssertionError(what)

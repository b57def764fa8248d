#!/usr/bin/env python3
"""`template.yaml` as SAM sees it: valid, and built into what a deployment would upload."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "layer" / "packaging")]

import package  # noqa: E402
from support import checks  # noqa: E402
from support.checks import check, equal  # noqa: E402

BUILT = ROOT / ".aws-sam" / "build"
FUNCTIONS = ["AxumApi", "Hello", "OrdersApi", "OrdersWorker", "TowerStack"]

# Amazon Linux 2023, under provided.al2023.
FUNCTION_GLIBC = "2.34"
LAYER_GLIBC = "2.26"


@check
def the_template_is_valid_and_lints():
    sam("validate", "--lint")


@check
def it_builds_without_docker():
    sam("build")
    equal(sorted(path.name for path in BUILT.iterdir() if path.is_dir()), sorted([*FUNCTIONS, "SpanlayerLayer"]),
          "what was built")


@check
def every_function_runs_on_its_runtime():
    for function in FUNCTIONS:
        loads(BUILT / function / "bootstrap", FUNCTION_GLIBC)


@check
def the_layer_holds_the_extension_and_nothing_else():
    layer = BUILT / "SpanlayerLayer"
    files = [str(path.relative_to(layer)) for path in layer.rglob("*") if path.is_file()]
    equal(files, ["extensions/spanlayer"], "files in the layer")
    equal((layer / files[0]).stat().st_mode & 0o777, 0o755, "mode of the extension")
    loads(layer / files[0], LAYER_GLIBC)


def loads(binary: Path, glibc: str) -> None:
    checks.true(os.access(binary, os.X_OK), f"{binary} is not executable")
    equal(package.loads_on_lambda(binary, "x86_64", glibc), [], f"what keeps {binary} from loading")


def sam(*arguments: str) -> None:
    environment = {
        **os.environ,
        "SAM_CLI_TELEMETRY": "0",
        # Nothing is asked of a region, but the tool wants to know one.
        "AWS_DEFAULT_REGION": "eu-central-1",
        "__SAM_CLI_APP_DIR": str(ROOT / "target" / "sam"),
    }
    subprocess.run(["sam", *arguments], cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(checks.run(only=" ".join(sys.argv[1:])))

#!/usr/bin/env python3
"""What operators are given, as their own tools see it: rules, alerts, dashboards, CloudWatch's template.

    checks.py --promtool FILE --amtool FILE [--only WORDS]       (see `run`)
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support import checks  # noqa: E402
from support.checks import check, equal, true  # noqa: E402

OPERATIONS = ROOT / "docs" / "operations"
RULES = [OPERATIONS / "recording.yaml", OPERATIONS / "alerts.yaml"]

# Every figure of the operator's guide, by a word of a panel's title.
PANELS = ["Success rate", "Export latency", "Queue length", "Throughput", "CPU", "Memory", "429s", "Dropped",
          "Retries and resends", "Dead letters", "Authentication failures", "Egress", "Sampled out", "Clock skew"]


@dataclass
class Tools:
    promtool: Path
    amtool: Path


@check
def the_rules_are_rules(tools: Tools):
    said(tools.promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@check
def each_fault_fires_its_alert_and_no_other(tools: Tools):
    said(tools.promtool, "test", "rules", ROOT / "tests" / "operations" / "faults.yaml")


@check
def the_error_budget_is_what_was_lost_of_what_was_settled(tools: Tools):
    said(tools.promtool, "test", "rules", ROOT / "tests" / "operations" / "budget.yaml")


@check
def pages_and_tickets_go_different_ways(tools: Tools):
    file = OPERATIONS / "alertmanager.yaml"
    said(tools.amtool, "check-config", file)
    for severity, receiver in [("page", "on-call"), ("ticket", "tickets")]:
        route = said(tools.amtool, "config", "routes", "test", f"--config.file={file}", f"severity={severity}")
        equal(route.strip(), receiver, f"who is told of a {severity}")


@check
def every_query_of_every_dashboard_is_one(tools: Tools):
    queries = [target["expr"] for _, panel in panels() for target in panel.get("targets", [])]
    true(len(queries) > 40, f"{len(queries)} queries")
    rules = [{"record": f"query:{number}", "expr": with_values(query)} for number, query in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        said(tools.promtool, "check", "rules", "--lint=none", file.name)
    return f"{len(queries)} queries"


@check
def dashboards_can_be_imported_and_show_every_figure(_: Tools):
    titles = set()
    for name, panel in panels():
        titles.add(panel["title"])
        equal(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"}, f"{name}, {panel['title']}: source")
        true(panel["description"], f"{name}, {panel['title']}: says what it shows")
    for figure in PANELS:
        true(figure in titles, f"a panel shows {figure}")
    for file in dashboards():
        board = json.loads(file.read_text())
        equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), f"{file.name}: ids")
        true("id" not in board and board["uid"], f"{file.name} brings its own uid, and no id of somebody's database")
        equal(board["templating"]["list"][0]["type"], "datasource", f"{file.name}: the first variable")
        cells = [cell for panel in board["panels"] for cell in covered(panel["gridPos"])]
        equal(len(set(cells)), len(cells), f"{file.name}: cells, none of which has two panels")
        true(all(x < 24 for x, _ in cells), f"{file.name} is not wider than a screen")


@check
def the_template_for_cloudwatch_lints(_: Tools):
    template = OPERATIONS / "cloudwatch.yaml"
    said(Path(sys.executable).with_name("cfn-lint"), "--non-zero-exit-code", "informational", template)


def dashboards() -> list[Path]:
    files = sorted((OPERATIONS / "dashboards").glob("*.json"))
    equal([file.stem for file in files], ["debug", "executive", "on-call"], "dashboards")
    return files


def panels():
    for file in dashboards():
        for panel in json.loads(file.read_text())["panels"]:
            yield file.name, panel


def covered(grid: dict):
    return [(grid["x"] + dx, grid["y"] + dy) for dx in range(grid["w"]) for dy in range(grid["h"])]


def with_values(query: str) -> str:
    """The query as Grafana sends it."""
    for variable in ["job", "instance", "destination"]:
        query = query.replace(f"${variable}", ".*")
    return query.replace("$__rate_interval", "5m")


def said(*command) -> str:
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    true(done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--promtool", type=Path, required=True)
    parser.add_argument("--amtool", type=Path, required=True)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    sys.exit(checks.run(Tools(given.promtool, given.amtool), given.only))

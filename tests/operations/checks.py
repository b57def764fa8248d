#!/usr/bin/env python3
"""What operators are given, as their own tools see it: rules, alerts, dashboards, CloudWatch's template.

    checks.py --spanlayer FILE --promtool FILE --amtool FILE [--only WORDS]       (see `run`)
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

import live  # noqa: E402
from live import Fault  # noqa: E402
from support import checks  # noqa: E402
from support.checks import check, equal, true  # noqa: E402

OPERATIONS = ROOT / "docs" / "operations"
RULES = [OPERATIONS / "recording.yaml", OPERATIONS / "alerts.yaml"]

# Every figure that an operator asks for, by a panel's title.
PANELS = ["Success rate", "Export latency", "Queue length", "Throughput", "CPU", "Memory", "429s", "Dropped",
          "Retries and resends", "Dead letters", "Authentication failures", "Egress", "Sampled out", "Clock skew"]


DROPPED = 'spanlayer_dropped_total{spanlayer_signal="traces"'
EXPORTS = "otel_sdk_exporter_operation_duration_seconds_count"

# Of a fault of this kind a real process tells so that these fire.
FAULTS = {
    "none": Fault(set()),
    "down": Fault({"SpanlayerExportsFailing", "SpanlayerBreakerOpen"}, listens=False, seen=EXPORTS),
    "slow": Fault({"SpanlayerSlow"}, delay=2.0, seen=EXPORTS),
    "throttling": Fault({"SpanlayerThrottled"}, status=429),
    "authentication": Fault({"SpanlayerAuthenticationFailing", "SpanlayerDeadLettersGrow"}, status=401),
    "data that is refused": Fault({"SpanlayerDeadLettersGrow", "SpanlayerErrorBudgetBurnsFast"}, status=400,
                                  seen="spanlayer_exporter_dead_lettered_total"),
    "a clock that is behind": Fault({"SpanlayerClocksDiffer"}, date=-90),
    "spans of the future": Fault({"SpanlayerTimesWrong"}, begins=3600, processors={"clock": {"tolerance": "5s"}}),
    "lost answers": Fault({"SpanlayerResends"}, hangs_up=True, spans=1, seen="spanlayer_exporter_resends_total"),
    "an unknown tenant": Fault({"SpanlayerUnrouted"}, seen=DROPPED + ',spanlayer_drop_reason="unrouted"',
                               exporter={"tenants": {"table": [{"tenant": "acme", "headers": {"x-tenant": "acme"}}]}}),
    "a queue that is full": Fault({"SpanlayerItemsDropped", "SpanlayerQueueGrowing"}, listens=False, spans=100,
                                  env={"SPANLAYER_QUEUE_BYTES": "64KiB"}, seen=DROPPED),
    "no room for files": Fault({"SpanlayerNotSpooled"}, env={"SPANLAYER_STATE_DIR": "/proc/nowhere"}),
}


@dataclass
class Tools:
    spanlayer: Path
    promtool: Path
    amtool: Path


@check
def the_rules_are_rules(tools: Tools):
    said(tools.promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@check
def each_fault_fires_its_alert_and_no_other(tools: Tools):
    said(tools.promtool, "test", "rules", ROOT / "tests" / "operations" / "faults.yaml")


@check
def what_a_process_with_a_real_fault_tells_fires_the_alert(tools: Tools):
    firing = 'count by (alertname) (ALERTS{alertstate="firing"} == 1)'
    for name, fault in FAULTS.items():
        series = live.series(tools.spanlayer, fault)
        # Those that have to fire; without a fault, all that may.
        wanted = f'count by (alertname) (ALERTS{{alertstate="firing", alertname=~"{"|".join(sorted(fault.alerts))}"}})'
        samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(fault.alerts)]
        test = {"expr": wanted if fault.alerts else firing, "eval_time": "80m", "exp_samples": samples}
        promtool_tests(tools, name, {"interval": "1m", "input_series": series, "promql_expr_test": [test]})
    return f"{len(FAULTS) - 1} faults"


@check
def what_is_scraped_is_what_prometheus_reads(tools: Tools):
    with live.running(tools.spanlayer, FAULTS["none"]) as (http, health):
        live.post(http, 0)
        text = live.scrape(health)
    done = subprocess.run([tools.promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    equal((done.returncode, done.stderr), (0, ""), "what promtool says")
    return f"{len(text.splitlines())} lines"


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


def promtool_tests(tools: Tools, name: str, test: dict) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"rule_files": [str(rule) for rule in RULES], "evaluation_interval": "1m", "tests": [test]}, file)
        file.flush()
        try:
            said(tools.promtool, "test", "rules", file.name)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


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
    parser.add_argument("--spanlayer", type=Path, default=ROOT / "target" / "release" / "spanlayer")
    parser.add_argument("--promtool", type=Path, required=True)
    parser.add_argument("--amtool", type=Path, required=True)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    sys.exit(checks.run(Tools(given.spanlayer.resolve(), given.promtool, given.amtool), given.only))

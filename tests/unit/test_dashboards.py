"""The dashboards in `config/grafana`: made from the tables, understood by Prometheus, about what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from difflib import unified_diff
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest

from tests.builders.dashboards.asked import DASHBOARDS, asked, chosen, dashboards, panels
from worker.alerting.files import ALERTS, Links
from worker.alerting.recordings import RECORDINGS
from worker.alerting.rule import Dashboard
from worker.dashboards.files import BOARDS, documents, write
from worker.dashboards.page import markdown
from worker.dashboards.panel import COLUMNS
from worker.exporter.families import STATE_FAMILIES
from worker.metric_families import PROCESS_FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.alerting.rule import Alert
    from worker.dashboards.panel import Board, Panel

PAGE = Path(__file__).parents[2] / "docs" / "dashboards.md"
FAMILIES = {family.full_name: family for family in (*STATE_FAMILIES, *PROCESS_FAMILIES)}
#: Series that are no metrics of this project, with their labels: of Prometheus itself, and of recording rules.
OTHERS = {"up": {"job", "instance"}, "ALERTS": {"job", "alertname", "alertstate", "severity"}} | {
    recording.name: {"job", "provider", "account"} for recording in RECORDINGS
}
DOCUMENTS = documents(Links())
#: Seconds that promtool gets.
TOOL_SECONDS = 30

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.uid))
each_panel = pytest.mark.parametrize(
    "panel", [pytest.param(panel, id=f"{board.uid}-{panel.title}") for board in BOARDS for panel in board.panels]
)


def expressions() -> Iterator[str]:
    """Every expression of every dashboard as Prometheus would get it."""
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield asked(target["expr"], chosen(dashboard), interval_seconds=60, range_seconds=3_600)


def selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of a parsed expression."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: object) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        return True

    promql_parser.walk(expression, visit)
    yield from found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_files_are_generated(name: str) -> None:
    """Each dashboard is what its module makes of the table."""
    written = (DASHBOARDS / name).read_text(encoding="utf-8").splitlines(keepends=True)
    assert "".join(unified_diff(written, DOCUMENTS[name].splitlines(keepends=True))) == ""


def test_there_are_no_other_dashboards() -> None:
    """No file is left of a dashboard that is made no more, and every one that alerts lead to is there."""
    assert {path.name for path in DASHBOARDS.glob("*.json")} == set(DOCUMENTS)
    assert {f"{uid}.json" for uid in Dashboard} == set(DOCUMENTS)


def test_the_page_is_generated() -> None:
    """The page on dashboards is what its module makes of the tables, and the pictures that it shows are there."""
    assert PAGE.read_text(encoding="utf-8") == markdown()
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", markdown())
    assert len(shown) == len(BOARDS)
    assert all((PAGE.parent / picture).is_file() for picture in shown)


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_asks_for_what_there_is(expression: str) -> None:
    """It is PromQL; every series in it is a documented metric or recorded, and has the labels that are asked for."""
    assert "$" not in expression
    found = list(selectors(promql_parser.parse(expression)))
    assert found
    for selector in found:
        labels = known_labels(str(selector.name))
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels


def known_labels(series: str) -> set[str]:
    """The labels that a series has; the test fails when nobody writes it."""
    if series in OTHERS:
        return OTHERS[series]
    family = FAMILIES[series if series in FAMILIES else re.sub(r"_(bucket|count|sum)\Z", "", series)]
    assert (series != family.full_name) == (family.type == "histogram")
    return {"job", "instance", "le", *family.labels}


def test_promtool_takes_every_expression(tmp_path: Path) -> None:
    """Prometheus's own parser finds no fault with them, as recording rules that are thrown away."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    rules = [{"record": f"thrown:away:{i}", "expr": expression} for i, expression in enumerate(sorted(expressions()))]
    path = tmp_path / "expressions.json"
    path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))
    command = ["promtool", "check", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False)
    assert (done.returncode, f"{len(rules)} rules found" in done.stdout) == (0, True), done.stdout + done.stderr


@each_panel
def test_a_panel_is_complete(panel: Panel) -> None:
    """A title, a description that is a sentence, an expression for each query, and a legend that names its labels."""
    assert re.fullmatch(r"[A-Z].*[^.]", panel.title)
    assert re.fullmatch(r"[A-Z].*\.", panel.description)
    assert panel.queries
    for query in panel.queries:
        grouped = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"by \(([^)]*)\)", query.expression))))
        assert query.legend
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= grouped | {"provider", "account"}


@each_board
def test_panels_lie_beside_each_other(board: Board) -> None:
    """No panel lies on another or beyond the edge, titles are different, and each row fills its width."""
    placed = json.loads(DOCUMENTS[f"{board.uid}.json"])["panels"]
    cells = [cells_of(panel["gridPos"]) for panel in placed]
    assert all(one.isdisjoint(other) for one, other in combinations(cells, 2))
    widths = Counter(y for panel in cells for _, y in panel)
    assert set(widths.values()) == {COLUMNS}
    titles = [panel.title for panel in board.panels]
    assert len(titles) == len(set(titles))
    assert [panel["id"] for panel in placed] == list(range(1, len(placed) + 1))


def cells_of(place: dict[str, int]) -> set[tuple[int, int]]:
    """The cells of Grafana's grid that a panel covers."""
    columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return {(x, y) for x in columns for y in lines}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_leads_to_a_panel_that_leads_to_the_runbook(alert: Alert) -> None:
    """The dashboard of each alert has a panel with a link to the alert's place in the runbook."""
    content = json.loads(DOCUMENTS[f"{alert.dashboard}.json"])
    led = [link["url"] for panel in panels(content) for link in panel["links"]]
    assert any(url.endswith(f"#{alert.anchor}") for url in led)


@each_board
def test_a_dashboard_can_be_narrowed(board: Board) -> None:
    """It has the variables, all of everything at first, and no panel asks for a variable that is not there."""
    text = DOCUMENTS[f"{board.uid}.json"]
    content = json.loads(text)
    names = [variable["name"] for variable in content["templating"]["list"]]
    assert names == ["datasource", "job", "provider", "account", "kind"]
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__all", "__range", "__rate_interval"}
    assert {"datasource", "job"} <= used <= set(names)
    assert {panel["datasource"]["uid"] for panel in panels(content)} == {"${datasource}"}


def test_an_installation_can_have_links_of_its_own(tmp_path: Path) -> None:
    """Written with another runbook, the dashboards lead there, and nowhere else."""
    write(tmp_path, Links(runbook="https://wiki/runbook"))
    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json"))
    assert set(re.findall(r"https://[\w.-]+", written)) == {"https://wiki"}

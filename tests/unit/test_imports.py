"""Imports point one way: the floor plan of the house, checked in the source of every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "producers", "worker")

#: What the modules of a package may import of this project, besides the package itself.
MAY_IMPORT = {
    "config": set[str](),
    "producers": {"config"},
    "worker.core": set[str](),
    "worker.providers": {"config", "worker.http_session"},
    "worker.storage": {"config"},
    "worker.store": {"config", "producers", "worker.core", "worker.outages"},
    "worker.broker": {"config", "worker.core", "worker.leaving", "worker.metrics", "worker.outages"},
    "worker.host": {"config"},
    "worker.log_events": set(),
    "worker.tracing": {"config", "worker.core", "worker.store"},
    "worker.alerting": {"worker.core"},
    "worker.dashboards": {
        "worker.alerting",
        "worker.core",
        "worker.exporter.families",
        "worker.exporter.server_families",
        "worker.metric_families",
    },
    "worker.rows": {
        "config",
        "producers.content",
        "worker.core",
        "worker.http_session",
        "worker.providers.port",
        "worker.storage",
    },
}

#: What an application that only feeds must not have to load.
HEAVY = {"click", "config", "dramatiq", "prometheus_client", "pydantic_settings", "requests", "rich", "worker"}


def is_inside(module: str, package: str) -> bool:
    """Tell whether `module` is `package` or below it."""
    return module == package or module.startswith(f"{package}.")


@cache
def modules() -> dict[str, Path]:
    """Return every module of the project by its dotted name."""
    found = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_names(name: str, path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, wherever in the file it does."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


@cache
def imports() -> dict[str, set[str]]:
    """Return which modules of the project each module imports: the longest known prefix of each imported name."""
    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        graph[name] = set()
        for imported in imported_names(name, path):
            target = imported
            while target and target not in modules():
                target = target.rpartition(".")[0]
            if target and target != name:
                graph[name].add(target)
    return graph


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_package_imports_only_what_lies_below(package: str) -> None:
    """A package imports itself and what the floor plan lays below it, and nothing else of the project."""
    inside = {name: targets for name, targets in imports().items() if is_inside(name, package)}
    assert inside, f"there is no module in {package}"
    allowed = {package, *MAY_IMPORT[package]}
    forbidden = {
        f"{name} imports {target}"
        for name, targets in inside.items()
        for target in targets
        if not any(is_inside(target, below) for below in allowed)
    }
    assert forbidden == set()


@pytest.mark.parametrize(("package", "importers"), [("worker.cli", {"worker.cli"}), ("worker", {"worker"})])
def test_package_is_imported_only_from_above(package: str, importers: set[str]) -> None:
    """Nothing imports the commands but the commands, and nothing imports the worker but the worker."""
    forbidden = {
        f"{name} imports {target}"
        for name, targets in imports().items()
        for target in targets
        if is_inside(target, package) and not any(is_inside(name, importer) for importer in importers)
    }
    assert forbidden == set()


def test_no_circles() -> None:
    """No module imports itself by way of others, not even for types or inside a function."""
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        pytest.fail(f"a circle of imports: {circle}")


def test_feeding_application_loads_little() -> None:
    """Importing the producers' client loads neither the worker nor a library that only the worker needs."""
    program = "import sys, producers.client; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"producers", "redis", "pydantic"} <= set(done.stdout.split())
    assert HEAVY & set(done.stdout.split()) == set()

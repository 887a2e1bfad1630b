"""What every benchmark's command line has in common: where its report goes, and how it tells how far it is."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """A parser that knows `--json`; further options are the benchmark's own."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{name}", description=about)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report to this file")
    return parser


def progress_bar() -> Progress:
    """A bar on standard error, for use as a context."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))

"""Writes the dashboards as Grafana reads them: `python -m worker.dashboards.files`, into `config/grafana`.

Without options it makes the files that are checked in, which a test compares with the tables. An installation makes its
own, with the address of its runbook: `--runbook`, `--folder`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from worker.alerting.files import Links
from worker.dashboards import overview, pipeline, provider, reconciliation, workers
from worker.dashboards.grafana import document

#: Every dashboard, from the first that one looks at to the last.
BOARDS = (overview.BOARD, pipeline.BOARD, provider.BOARD, reconciliation.BOARD, workers.BOARD)

FOLDER = Path("config/grafana")


def documents(links: Links) -> dict[str, str]:
    """The files by name."""
    return {f"{board.uid}.json": document(board, links) for board in BOARDS}


def write(folder: Path, links: Links) -> None:
    """Write all of them."""
    for name, text in documents(links).items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> None:
    """Write them as the command line asks."""
    parser = argparse.ArgumentParser(description="Writes the dashboards as Grafana reads them.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--runbook", default=Links().runbook, metavar="URL")
    chosen = parser.parse_args()
    write(chosen.folder, Links(runbook=chosen.runbook))


if __name__ == "__main__":
    main()

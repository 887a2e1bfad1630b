"""The program with parts of it exchanged: `python -m tests.builders.canary_launcher PATCH[,PATCH] ARGUMENT…`."""

from __future__ import annotations

import sys

from tests.builders.canary_patches import apply
from worker.cli.main import main as program


def main() -> None:
    """Exchange the parts, and be the program."""
    apply(sys.argv[1].split(","))
    del sys.argv[1]
    program()


if __name__ == "__main__":
    main()

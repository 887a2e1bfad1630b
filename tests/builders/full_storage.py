"""A process whose files may not grow: what a full disk does to a list that is being prepared.

Run as `python -m tests.builders.full_storage FOLDER STATE_URL BROKER_URL FILE_BYTES_MAX`. Submits one list of some
100,000 bytes, prepares it under the limit and again without it, and prints the upload's record after each as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from tests.builders.line import Line, running_line
from worker.actors import prepare


def main() -> None:
    """Do what the module says."""
    folder, state_url, broker_url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    with running_line(folder, state_url, broker_url, start=False) as line:
        text = "".join(f"reader{number}@example.com\n" for number in range(5_000))
        upload_id = line.submit(line.file("readers.csv", text), "ipqs-main", upload_id="full-1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
        _prepare(line, upload_id)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        _prepare(line, upload_id)


def _prepare(line: Line, upload_id: str) -> None:
    prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
    told = line.upload(upload_id).model_dump(mode="json", include={"state", "reason", "message", "crashes", "rows"})
    print(json.dumps(told))  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main()

"""A result for which this machine has no room: that is told as ours, and costs the provider nothing."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.builders.provider_bench import KEYS, PROVIDERS, Bench, Door, told

if TYPE_CHECKING:
    from pathlib import Path

#: The first file that a result is downloaded into, by provider, and the operation that does so.
FIRST_FILES = {"ipqs": ("all.csv.part", "download"), "whoisxml": ("completed.json.part", "completed")}


@pytest.mark.parametrize("door", PROVIDERS, ids=str)
def test_a_full_disk_is_no_failure_of_the_provider(tmp_path: Path, door: Door) -> None:
    """The call is counted as one that went well, no second link is spent on the full disk, and room is all it takes."""
    partial, operation = FIRST_FILES[door.provider]
    folder = tmp_path / "here"
    folder.mkdir()
    with Bench.at(door, tmp_path) as bench:
        remote_id = bench.submit("anna@example.com").remote_id
        (folder / partial).symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left") as caught:
            bench.provider.collect(remote_id, folder)
        assert caught.value.errno == errno.ENOSPC
        assert not any(secret in told(caught.value) for secret in (*KEYS.values(), "download="))
        assert [call for call in bench.notes.calls if call[0] == operation] == [(operation, "2xx")]
        assert list(folder.iterdir()) == []
        assert bench.provider.collect(remote_id, folder)

"""What happens next to an upload, as an application or a person is told."""

from __future__ import annotations

import pytest

from producers.outlook import outlook
from producers.records import Status


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_an_upload_that_ended_in_vain_tells_every_way_to_another_try(state: str) -> None:
    """An application has `again` or another id, the command line has --again, and whoever runs the workers `retry`."""
    told = outlook(Status(upload_id="list-1", state=state))
    assert told.startswith("Nothing more happens to it.")
    for way in ("`again` (--again)", "another upload id", "`bulkverify retry list-1`, unless its rows came inside"):
        assert way in told


def test_a_completed_upload_has_nothing_to_try_again() -> None:
    """What went well is not offered for a retry, which would be refused."""
    assert outlook(Status(upload_id="list-1", state="completed")) == "Nothing more happens to it."

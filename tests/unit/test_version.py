"""Which version and which commit the program says it is."""

from __future__ import annotations

import pytest

from config.version import UNKNOWN_REVISION, revision, revision_in


@pytest.mark.parametrize(
    ("origin", "commit"),
    [
        ('{"url": "https://example.com/b.git", "vcs_info": {"vcs": "git", "commit_id": "2b361cc"}}', "2b361cc"),
        ('{"url": "file:///srv/bulkverify", "dir_info": {"editable": true}}', UNKNOWN_REVISION),
        ("{}", UNKNOWN_REVISION),
    ],
)
def test_the_commit_is_what_the_installer_wrote_down(origin: str, commit: str) -> None:
    """An installation from a repository tells its commit; from a folder or an index there is none to tell."""
    assert revision_in(origin) == commit


def test_this_program_has_a_revision() -> None:
    """Whatever way it was installed, there is a word for the label."""
    assert revision()

"""The commands as processes: what each prints at each stage of an upload's life, and the exit code it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from producers.exit_codes import ExitCode
from tests.builders.site import EMAILS, IPS, running_site

pytestmark = pytest.mark.processes


def test_commands_follow_an_upload_to_its_result(tmp_path: Path) -> None:
    """`ls`, `show`, `why`, `wait`, `result` and `cancel` tell the truth before and after an upload's end."""
    with running_site(tmp_path) as site:
        told = site.installation.told
        path = site.installation.list_file("visitors.csv", "visitor,ip", *(f"{ip},{ip}" for ip in IPS))
        said = told(ExitCode.OK, "upload", path, "--account", "ipqs-main", "--kind", "proxy", "--id", "visitors")
        assert said.split()[:2] == ["visitors", "requested"]
        site.records.wait_for_parts("submitted", 1, "visitors")
        [part] = site.records.parts("visitors")

        assert [word for word in told(0, "ls").split() if word in {"visitors", "running"}] == ["visitors", "running"]
        assert str(part.remote_id) in told(0, "show", "visitors")
        assert f"asked about remote job {part.remote_id}" in told(0, "why", "visitors")
        assert told(ExitCode.NOT_FINISHED, "result", "visitors") == ""
        told(ExitCode.NOT_FINISHED, "wait", "visitors", "--timeout", "0.1")

        site.providers.finish_jobs()
        assert "completed" in told(ExitCode.OK, "wait", "visitors")
        result = Path(told(ExitCode.OK, "result", "visitors").strip())
        assert result.read_text().count("\n") == 1 + len(IPS)
        assert json.loads(told(0, "show", "visitors", "--json"))["upload"]["state"] == "completed"
        assert json.loads(told(0, "why", "visitors", "--json"))["next"][0]["when"] is None
        told(ExitCode.FAILED, "cancel", "visitors", "--yes")
        again = told(
            ExitCode.OK, "upload", path, "--account", "ipqs-main", "--kind", "proxy", "--id", "visitors", "--wait"
        )
        assert str(result) in again
        assert len(site.providers.charges) == 1


def test_every_exit_code_means_what_the_help_says(tmp_path: Path) -> None:
    """A cancelled, partial, rejected or unknown upload, a wrong command and a stopped server: each has its code."""
    with running_site(tmp_path, limits="max_active = 1") as site:
        told = site.installation.told
        site.submit("first", "whoisxml-main", "email", *EMAILS)
        site.records.wait_for_parts("submitted", 1, "first")
        site.submit("second", "whoisxml-main", "email", *EMAILS)
        site.records.wait_for_parts("held", 1, "second")
        assert "limit" in told(0, "why", "second")
        told(ExitCode.OK, "cancel", "second", "--yes")
        told(ExitCode.FAILED, "wait", "second")
        told(ExitCode.ATTENTION, "result", "second")

        site.providers.whoisxml.knobs.missing_row_every = 10
        site.providers.finish_jobs()
        told(ExitCode.FAILED, "wait", "first")
        told(ExitCode.ATTENTION, "result", "first")
        assert len(site.providers.charges) == 1

        path = site.installation.list_file("list.csv", *EMAILS)
        assert "rejected" in told(ExitCode.FAILED, "upload", path, "--account", "nobody", "--wait")
        told(ExitCode.FAILED, "show", "unheard-of")
        told(ExitCode.FAILED, "why", "unheard-of")
        told(ExitCode.USAGE, "upload", path.with_name("missing.csv"), "--account", "whoisxml-main")
        told(ExitCode.USAGE, "ls", "--no-such-option")
        assert site.installation.stop() == 0
        told(ExitCode.UNAVAILABLE, "ls")
        told(ExitCode.UNAVAILABLE, "upload", path, "--account", "whoisxml-main")

"""The same program on other servers, other keys and another Redis: accounts file and environment say where."""

from __future__ import annotations

import csv
import json
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from producers.exit_codes import ExitCode
from tests.builders.installation import WORK_SECONDS, running_installation
from tests.builders.loopback_providers import running_providers
from worker.host.embedded import socket_path

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.loopback_providers import Providers

pytestmark = pytest.mark.processes

EMAILS = ("name,email", "Ann,ann@example.com", "Bob,", "Twin,ann@EXAMPLE.com", "Eve,eve@example.com")


def accounts_elsewhere(folder: Path, ipqs: Providers, whoisxml: Providers) -> Path:
    """An accounts file in a folder of its own: IPQS at one server, its key in the path, and WhoisXML at another."""
    folder.mkdir()
    key_file = folder / "first.key"
    key_file.write_text(ipqs.ipqs.key)
    key_file.chmod(stat.S_IRUSR)
    path = folder / "accounts.toml"
    path.write_text(
        f"""
[accounts.first]
provider = "ipqs"
key_file = "first.key"
key_in = "path"
base_url = "{ipqs.server.base_url}/ipqs/api"
requests_per_second = 100

[accounts.second]
provider = "whoisxml"
key_env = "SECOND_KEY"
base_url = "{whoisxml.server.base_url}/whoisxml/api/bevService"
requests_per_second = 100
"""
    )
    return path


def raw_xadd(home: Path, request: dict[str, object]) -> str:
    """Add a request as any client of Redis would, with nothing but the protocol; the entry's id."""
    words = [b"XADD", UPLOADS_STREAM.encode(), b"*", REQUEST_FIELD.encode(), json.dumps(request).encode()]
    command = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WORK_SECONDS)
        connection.connect(str(socket_path(home)))
        connection.sendall(command)
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"$")
            return answer.readline().decode().strip()


def test_accounts_lead_to_other_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other base URLs and keys in the accounts file, lists travel to those servers, however they came in."""
    monkeypatch.setenv("SECOND_KEY", "at_another0key1of2whoisxml3")
    with (
        running_providers(tmp_path / "one", ipqs_key="Another0Key1Of2Ipqs3With4Its5Own") as one,
        running_providers(tmp_path / "two", whoisxml_key="at_another0key1of2whoisxml3") as two,
        running_installation(
            tmp_path / "installation", accounts_file=accounts_elsewhere(tmp_path / "elsewhere", one, two)
        ) as installation,
    ):
        for provider in (one.ipqs, two.whoisxml):
            provider.knobs.job_seconds = 0.0
        installation.told(0, "config", "check", "--live")
        path = installation.list_file("people.csv", *EMAILS)

        output = tmp_path / "verified.csv"
        told = installation.told(
            ExitCode.OK, "upload", path, "--account", "first", "--id", "by-command", "--output", output, "--json"
        )
        [document] = [json.loads(line) for line in told.splitlines()]
        assert (document["state"], document["exit_code"], document["output"]) == ("completed", 0, str(output))
        assert document["result"]["counts"] == {
            "rows": 4, "matched": 2, "folded": 1, "empty": 1, "withheld": 0, "missing": 0
        }  # fmt: skip
        with output.open(newline="") as file:
            assert [row["name"] for row in csv.DictReader(file)] == ["Ann", "Bob", "Twin", "Eve"]

        request = {"version": 1, "upload_id": "by-xadd", "account": "second", "kind": "email"}
        entry = raw_xadd(installation.home, request | {"source": {"path": str(path)}})
        told = installation.told(ExitCode.OK, "wait", "by-xadd", "--json", "--timeout", str(WORK_SECONDS))
        assert json.loads(told)["state"] == "completed"
        events = [json.loads(line) for line in installation.told(0, "events", "by-xadd", "--json").splitlines()]
        assert [event["event"] for event in events if event["event"] != "progress"] == [
            "accepted", "started", "completed"
        ]  # fmt: skip
        assert events[0]["details"]["entry"] == entry

        assert [charge[0::2] for charge in one.charges] == [("ipqs", 2)]
        assert [charge[0::2] for charge in two.charges] == [("whoisxml", 2)]
        assert (one.whoisxml.calls, two.ipqs.calls) == ({}, {})

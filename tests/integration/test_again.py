"""`again`: the same content verified, and paid for, once more; and never more often than it was asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from producers.client import Client
from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from producers.errors import RequestInvalid
from producers.exit_codes import ExitCode
from producers.request import parse
from producers.upload_command import upload
from tests.builders.line import running_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import redis
    from click.testing import Result

EMAILS = "email\nann@example.com\nbob@example.com\n"


@pytest.fixture
def run(redis_url: str) -> Callable[..., Result]:
    """Return a way to run `upload` on the test's server."""

    class Door:
        def client(self) -> Client:
            return Client(redis_url)

    def run_upload(*arguments: str) -> Result:
        group = click.Group("bulkverify", commands={"upload": upload})
        return CliRunner().invoke(group, ["upload", "--account", "main", *arguments], obj=Door())

    return run_upload


def asked(client: redis.Redis) -> Sequence[tuple[str | None, str | None]]:
    """The id and the word of each request in the stream."""
    entries: Any = client.xrange(UPLOADS_STREAM)
    requests = [parse(fields[REQUEST_FIELD]) for _, fields in entries]
    return [(request.upload_id, request.again) for request in requests]


def test_a_word_is_one_more_upload_and_one_more_charge(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The same content with the same word is one upload, with another word another one, each charged once."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        path = line.file("list.csv", EMAILS)
        words = [None, "december", "december", "january", None]
        ids = [line.submit(path, "ipqs-main", again=word) for word in words]
        line.finish(*ids)
        assert ids[0] == ids[4]
        assert ids[1] == ids[2]
        assert len(set(ids)) == 3
        assert [charge.rows for charge in line.ipqs.ledger] == [2, 2, 2]


def test_a_word_beside_an_id_is_refused(redis_url: str, tmp_path: Path) -> None:
    """An id of the application's own names an upload already, so a word beside it is a mistake."""
    path = tmp_path / "list.csv"
    path.write_text(EMAILS)
    with Client(redis_url) as client, pytest.raises(RequestInvalid, match="both upload_id and again"):
        client.submit(path, account="main", kind="email", upload_id="mine", again="december")


def test_the_command_makes_a_word_and_tells_it(
    run: Callable[..., Result], redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Without a word each command asks for another upload; with the word that it told, for the same one."""
    path = tmp_path / "list.csv"
    path.write_text(EMAILS)
    first = run(str(path), "--again")
    assert first.exit_code == ExitCode.OK, first.output
    told = re.search(r"--again=(\S+)", first.stderr)
    assert told is not None
    run(str(path), "--again")
    run(str(path), f"--again={told[1]}")
    ids, words = zip(*asked(redis_client), strict=True)
    assert words[0] == words[2] == told[1]
    assert ids[0] == ids[2] != ids[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--again", "LIST", "LIST"], "for its word"),
        (["LIST", "--again", "two words"], "is no such word"),
        (["LIST", "--id", "mine", "--again", "december"], "do not go together"),
    ],
)
def test_a_word_that_cannot_be_meant_sends_nothing(
    run: Callable[..., Result], redis_client: redis.Redis, tmp_path: Path, arguments: Sequence[str], complaint: str
) -> None:
    """A file in place of the word, no word at all, and a word beside an id end the command before it sends."""
    path = tmp_path / "list.csv"
    path.write_text(EMAILS)
    result = run(*(str(path) if argument == "LIST" else argument for argument in arguments))
    assert result.exit_code == ExitCode.USAGE
    assert complaint in " ".join(result.stderr.split())
    assert asked(redis_client) == []

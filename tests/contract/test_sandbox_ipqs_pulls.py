"""The simulated IPQualityScore fetches a list by its URL, and takes the key wherever it is documented to go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.file_server import FileServer
from tests.builders.sandbox_bench import EMAILS, IPQS_API, IPQS_KEY, Bench, make_bench
from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.providers.sandbox import ipqs_pull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYED = f"{IPQS_API}/csv/{IPQS_KEY}/email/upload"
KEYLESS = f"{IPQS_API}/csv/upload"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileServer]:
    """A server that has the list."""
    (tmp_path / "list.csv").write_text("\n".join(EMAILS), encoding="utf-8")
    with FileServer(tmp_path) as running:
        yield running


@pytest.fixture
def link(files: FileServer, tmp_path: Path) -> str:
    """The link to the list."""
    return files.url_of(tmp_path / "list.csv")


def asked(bench: Bench, method: str, url: str, **request: Any) -> dict[str, Any]:
    """The answer to an upload."""
    document: dict[str, Any] = bench.session.request(method, url, timeout=5, **request).json()
    return document


def assert_nothing_happened(bench: Bench) -> None:
    """No job, no charge, no file."""
    assert (bench.ipqs.ledger, bench.ipqs.jobs, list(bench.ipqs.folder.iterdir())) == ([], {}, [])


# --- the link ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["url", "input"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_in_the_query_is_pulled(bench: Bench, link: str, method: str, parameter: str) -> None:
    """GET and POST take the link as `url` or `input`; its rows are the job's, and charged once."""
    answer = asked(bench, method, KEYED, params={parameter: link, "file_name": "pulled"})
    assert (answer["success"], answer["file_name"], answer["type"]) == (True, "pulled", "email")
    assert [charge.rows for charge in bench.ipqs.ledger] == [len(EMAILS)]
    assert list(bench.ipqs.jobs[answer["id"]].spool.values()) == list(EMAILS)


@pytest.mark.parametrize("parameter", ["url", "input"])
def test_a_link_in_the_body_is_pulled(bench: Bench, link: str, files: FileServer, parameter: str) -> None:
    """A POST may have the link, and whatever else an upload has, in a form without a file."""
    data = {parameter: link, "file_name": "pulled", "type": "email", "key": IPQS_KEY}
    answer = asked(bench, "POST", KEYLESS, data=data)
    assert (answer["success"], answer["file_name"]) == (True, "pulled")
    assert len(files.heard) == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"params": {}},
        {"params": {"url": ""}},
        {"data": {"file_name": "n"}},
        {"params": {"url": "LINK", "input": "LINK"}},
        {"params": {"url": "LINK"}, "data": {"input": "LINK"}},
        {"data": {"url": "LINK", "webhook": "x"}},
        {"params": {"url": "LINK", "webhook": "x"}},
        {"data": {"url": "LINK", "file_name": "n" * 20_000}},
    ],
)
def test_other_than_one_link_and_known_parameters_are_refused(
    bench: Bench, link: str, files: FileServer, request_: dict[str, dict[str, str]]
) -> None:
    """No link, two links, an unknown parameter or too many bytes of them are `success: false`, and nothing is asked."""
    named = {
        part: {name: link if text == "LINK" else text for name, text in fields.items()}
        for part, fields in request_.items()
    }
    method = "POST" if "data" in named else "GET"
    assert asked(bench, method, KEYED, **named)["success"] is False
    assert_nothing_happened(bench)
    assert files.heard == []


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example.com/list.csv",
        "https://127.0.0.1.example.com/list.csv",
        "ftp://127.0.0.1/list.csv",
        "file:///etc/passwd",
        "127.0.0.1/list.csv",
        "http://[::1/list.csv",
        "http://127.0.0.1:1/list.csv",
    ],
)
def test_links_to_elsewhere_fail_without_being_followed(bench: Bench, url: str) -> None:
    """The simulator reaches this machine only; the answer does not repeat the link."""
    answer = asked(bench, "GET", KEYED, params={"url": url})
    assert (answer["success"], url in answer["message"]) == (False, False)
    assert_nothing_happened(bench)


def test_a_pull_may_be_made_to_fail(bench: Bench, link: str, files: FileServer) -> None:
    """With the knob set every pull is `success: false`; without it the same link works."""
    bench.ipqs.knobs.pull_fails = True
    assert asked(bench, "GET", KEYED, params={"url": link})["success"] is False
    assert_nothing_happened(bench)
    assert files.heard == []
    bench.ipqs.knobs.pull_fails = False
    assert asked(bench, "GET", KEYED, params={"url": link})["success"] is True


def test_further_hosts_may_be_allowed(bench: Bench, link: str) -> None:
    """Which hosts lists are pulled from is a knob."""
    bench.ipqs.knobs.update({"pull_hosts": ["files.example.com"]})
    assert asked(bench, "GET", KEYED, params={"url": link})["success"] is False
    bench.ipqs.knobs.update({"pull_hosts": ["127.0.0.1"]})
    assert asked(bench, "GET", KEYED, params={"url": link})["success"] is True


# --- the file behind it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Scripted("not here", 404),
        Scripted("", 302, {"Location": "http://127.0.0.1/list.csv"}),
        Scripted("<html>sign in</html>", 200, {"Content-Type": "text/html"}),
        Scripted("", 200),
        Scripted("a@b.co,second column\n", 200),
        Scripted(b"caf\xe9@b.co\n", 200),
        Scripted("a@b.co\n", 200, {"Content-Length": "700"}),
    ],
    ids=["missing", "redirect", "page", "empty", "two columns", "not UTF-8", "cut"],
)
def test_what_is_not_the_file_itself_is_refused(bench: Bench, answer: Scripted) -> None:
    """An error, a redirect, a page, a broken or an unreadable file are `success: false`, free of charge."""
    with ScriptedServer(answer) as server:
        assert asked(bench, "GET", KEYED, params={"url": f"{server.base_url}/list.csv"})["success"] is False
    assert len(server.heard) == 1
    assert_nothing_happened(bench)


def test_a_file_beyond_the_limit_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than the limit are neither kept nor read on."""
    monkeypatch.setattr(ipqs_pull, "PULL_BYTES_MAX", 100_000)
    with ScriptedServer(Scripted(b"a@b.co\n" * 9_000 for _ in range(1_000))) as server:
        answer = asked(bench, "GET", KEYED, params={"url": f"{server.base_url}/list.csv"})
    assert "too large" in answer["message"]
    assert_nothing_happened(bench)


@pytest.mark.parametrize("limit", ["WAIT_SECONDS", "PULL_SECONDS_MAX"])
def test_a_file_that_comes_too_slowly_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """Neither a silent server nor one that drips can hold an upload."""
    monkeypatch.setattr(ipqs_pull, limit, 0.2)
    over = threading.Event()

    def dripping() -> Iterator[bytes]:
        while not over.wait(0.05 if limit == "PULL_SECONDS_MAX" else 20):
            yield b"a@b.co\n"

    with ScriptedServer(Scripted(dripping())) as server:
        answer = asked(bench, "GET", KEYED, params={"url": f"{server.base_url}/list.csv"})
        over.set()
    assert answer["success"] is False
    assert_nothing_happened(bench)


# --- the key ----------------------------------------------------------------------------------------------------------


def test_every_place_of_the_key_is_taken_for_every_method(bench: Bench, link: str) -> None:
    """Path, header, query, form and JSON all carry the key of a form, of JSON rows and of a link."""
    file = {"files": {"file": ("rows.csv", b"ann@gmail.com")}}
    rows: dict[str, Any] = {"input": [["ann@gmail.com"]]}
    header = {"headers": {"IPQS-KEY": IPQS_KEY}, "params": {"type": "email"}}
    query = {"params": {"key": IPQS_KEY, "type": "email"}}
    fields = {"key": IPQS_KEY, "type": "email"}
    uploads: list[tuple[str, dict[str, Any]]] = [
        *((KEYED, body) for body in (file, {"json": rows}, {"data": {"url": link}})),
        *((KEYLESS, {**place, **body}) for place in (header, query) for body in (file, {"json": rows})),
        *((KEYLESS, {**place, "data": {"url": link}}) for place in (header, query)),
        (KEYLESS, {**file, "data": fields}),
        (KEYLESS, {"json": {**rows, **fields}}),
        (KEYLESS, {"data": {"url": link, **fields}}),
    ]
    assert [asked(bench, "POST", url, **upload)["success"] for url, upload in uploads] == [True] * 12
    for parameters in ({"headers": {"IPQS-KEY": IPQS_KEY}}, {"params": {"key": IPQS_KEY}}):
        assert asked(bench, "GET", f"{IPQS_API}/csv/list", **parameters)["total_csvs"] == 12


@pytest.mark.parametrize("key", ["WRONG", None])
def test_nothing_is_pulled_for_a_wrong_key(bench: Bench, link: str, files: FileServer, key: str | None) -> None:
    """A key that is wrong or missing is refused before the link is looked at, wherever it stands."""
    fields = {"url": link, "type": "email", **({"key": key} if key else {})}
    assert asked(bench, "POST", KEYLESS, data=fields)["success"] is False
    assert asked(bench, "GET", KEYLESS, params=fields)["success"] is False
    assert asked(bench, "GET", f"{IPQS_API}/csv/{key}/email/upload", params={"url": link})["success"] is False
    assert_nothing_happened(bench)
    assert files.heard == []

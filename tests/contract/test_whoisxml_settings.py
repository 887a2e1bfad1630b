"""What an account at WhoisXML may choose: the version of the verification, and size and order of the list's pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.builders.provider_bench import Bench, CountingGate, Notes, account_for
from tests.builders.scripted_server import ScriptedServer
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.providers.registry import build

if TYPE_CHECKING:
    from pathlib import Path

    from worker.providers.port import Provider


def scripted(server: ScriptedServer, **account: object) -> Provider:
    """An adapter to scripted answers."""
    return build(account_for("whoisxml", f"{server.base_url}/api/bevService", **account), CountingGate(), Notes())


def walked(provider: Provider, cursor: str | None = None) -> list[list[str]]:
    """The ids of every page from `cursor` on."""
    page = provider.list_page(cursor)
    pages = [page]
    while page.next_cursor is not None:
        page = provider.list_page(page.next_cursor)
        pages.append(page)
    return [[job.remote_id for job in page.jobs] for page in pages]


@pytest.mark.parametrize(("version", "fields"), [(2, {"version": 2}), (3, {"version": 3}), ("omit", {})])
def test_the_version_is_sent_as_chosen(tmp_path: Path, version: int | str, fields: dict[str, int]) -> None:
    """A create asks for the account's version, or leaves the field out."""
    path = tmp_path / "part.csv"
    path.write_text("a@example.com\n", encoding="utf-8")
    with ScriptedServer() as server:
        provider = scripted(server.then({"response": {"id": 5}}), verification_version=version)
        provider.submit(Submission(path, 1, Kind.EMAIL, "tk0123456789abcdef-people", 5, SubmitMethod.JSON))
    sent = json.loads(server.heard[0].body)
    assert {name: sent[name] for name in sent.keys() & {"version"}} == fields
    assert (sent["format"], sent["emails"]) == ("json", ["a@example.com"])


@pytest.mark.parametrize(("version", "shown"), [(2, 2), (3, 3), ("omit", 3)])
def test_every_version_goes_all_the_way(tmp_path: Path, version: int | str, shown: int) -> None:
    """Whichever version was asked for, the job is made with it and its result is read."""
    with Bench("whoisxml", tmp_path, verification_version=version) as bench:
        remote_id = bench.submit("anna@gmail.com", "no address").remote_id
        artifacts = bench.provider.collect(remote_id, bench.folder)
        assert len(list(bench.provider.read(artifacts, Kind.EMAIL))) == 2
        assert bench.whoisxml.jobs[int(remote_id)].api_version == shown


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(("page_rows", "pages"), [(10, 4), (17, 2), (50, 1)])
def test_the_list_is_walked_in_either_order_and_any_size(
    tmp_path: Path, order: str, page_rows: int, pages: int
) -> None:
    """Every job is on exactly one page, in the order and the size that the capabilities state."""
    with Bench("whoisxml", tmp_path, list_order=order, list_page_rows=page_rows) as bench:
        ids = [bench.submit().remote_id for _ in range(31)]
        capabilities = bench.provider.capabilities
        seen = walked(bench.provider)
    assert capabilities.list_page_rows == page_rows
    assert capabilities.list_newest_first is (order == "desc")
    assert [remote_id for page in seen for remote_id in page] == (ids[::-1] if order == "desc" else ids)
    assert len(seen) == pages
    assert all(len(page) == page_rows for page in seen[:-1])


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_jobs_that_come_during_a_walk_hide_none(tmp_path: Path, order: str) -> None:
    """A job made between two pages may show another one twice, and never makes one be passed over."""
    with Bench("whoisxml", tmp_path, list_order=order, list_page_rows=10) as bench:
        ids = {bench.submit().remote_id for _ in range(20)}
        first = bench.provider.list_page()
        bench.submit()
        rest = walked(bench.provider, first.next_cursor)
    assert ids <= {job.remote_id for job in first.jobs}.union(*rest)


@pytest.mark.parametrize(
    ("envelope", "more"),
    [
        ({"last_page": 2}, True),
        ({"last_page": "1", "per_page": 2}, False),
        ({"per_page": 2}, True),
        ({"per_page": "3"}, False),
        ({}, False),
    ],
)
def test_a_page_that_is_smaller_than_asked_for_need_not_be_the_last(envelope: dict[str, object], more: bool) -> None:
    """Without a number of pages, the size that the provider tells decides whether a page was full."""
    content = {"current_page": 1, "data": [{"id": 1}, {"id": 2}], **envelope}
    with ScriptedServer() as server:
        page = scripted(server.then({"response": content}), list_page_rows=10).list_page()
    assert page.next_cursor == ("2" if more else None)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_page_options_are_sent_as_chosen(order: str) -> None:
    """The call has the documented names and values."""
    with ScriptedServer() as server:
        scripted(server.then({"response": {"data": []}}), list_order=order, list_page_rows=23).list_page("4")
    sent = json.loads(server.heard[0].body)
    del sent["apiKey"]
    assert sent == {"format": "json", "page": 4, "perPage": 23, "sort": order, "onlyIds": False}

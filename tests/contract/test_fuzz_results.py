"""Whatever a provider answers on the way to a result: it is whole or none, and a walk over a list ends."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.answer_bench import (
    IPQS_JOB,
    RECORD,
    WHOISXML_JOB,
    AnswerBench,
    check_observation,
    check_read,
    check_verdicts,
    whole,
)
from tests.builders.fuzzing import fuzzing
from tests.builders.odd_answers import answers, bodies, tables
from tests.builders.scripted_server import ScriptedServer
from worker.providers.errors import ProviderError
from worker.providers.port import ListPage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.providers.port import Provider


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """Yield a server that serves every example."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def ipqs(server: ScriptedServer, tmp_path: Path) -> AnswerBench:
    """Return an IPQS account at the server."""
    return AnswerBench("ipqs", server, tmp_path)


@pytest.fixture
def whoisxml(server: ScriptedServer, tmp_path: Path) -> AnswerBench:
    """Return a WhoisXML account at the server."""
    return AnswerBench("whoisxml", server, tmp_path)


def test_half_a_surrogate_pair_does_not_hold_back_a_result(whoisxml: AnswerBench) -> None:
    """What JSON can spell and no file can hold becomes a mark in its cell; the verdict is kept."""
    record = RECORD | {"audit": "\ud800", "\udc00": "x"}
    halves = [whole({"response": [record]}), whole({"response": []})]
    check_verdicts(whoisxml, whoisxml.ask(*halves, call=lambda provider: provider.collect("12", whoisxml.folder)))


@fuzzing(60)
@given(data=st.data())
def test_ipqs_results_are_whole_or_malformed(ipqs: AnswerBench, data: st.DataObject) -> None:
    """What comes behind a link is a result that can be kept, or none."""
    ready = IPQS_JOB | {"downloads": {"all": f"{ipqs.server.base_url}/all.csv"}}
    csv = "Email,Valid,Fraud Score\nann@example.com,true,3\nbob@example.com,false,90\n"
    script = [
        raw
        for _ in range(data.draw(st.integers(1, 3)))
        for raw in (data.draw(st.just(whole(ready)) | answers(bodies(ready))), data.draw(answers(tables(csv))))
    ]
    check_verdicts(ipqs, ipqs.ask(*script, call=lambda provider: provider.collect("12", ipqs.folder)))


@fuzzing(60)
@given(data=st.data())
def test_whoisxml_results_are_whole_or_malformed(whoisxml: AnswerBench, data: st.DataObject) -> None:
    """Both halves of a result are a result that can be kept, or none."""
    halves = [
        data.draw(st.just(whole({"response": [RECORD]})) | answers(bodies({"response": [RECORD, RECORD]})))
        for _ in range(2)
    ]
    check_verdicts(whoisxml, whoisxml.ask(*halves, call=lambda provider: provider.collect("12", whoisxml.folder)))


@fuzzing(60)
@given(data=st.data(), segments=st.sets(st.sampled_from(["pristine", "clean", "bad"]), min_size=1))
def test_segments_come_beside_a_whole_result_or_not_at_all(
    ipqs: AnswerBench, data: st.DataObject, segments: set[str]
) -> None:
    """One whole file and only segments that were asked for; where something does not arrive, no file is left."""
    links = {name: f"{ipqs.server.base_url}/{name}.csv" for name in ("all", "clean", "bad")}
    ready = IPQS_JOB | {"downloads": links | {"pristine": None}}
    csv = "Email,Valid,Fraud Score\nann@example.com,true,3\nbob@example.com,false,90\n"
    file = st.just(whole(csv.encode())) | st.just(whole(csv.encode())) | answers(tables(csv))
    script = []
    for _ in range(data.draw(st.integers(1, 4))):
        script.append(data.draw(st.just(whole(ready)) | answers(bodies(ready))))
        script += [data.draw(file) for _ in range(1 + len(segments))]
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = ipqs.ask(*script, call=lambda provider: provider.collect("12", folder, sorted(segments)))
        if isinstance(found, ProviderError):
            check_read(found, tuple)
            assert list(folder.iterdir()) == []
            return
        assert sorted(artifact.path for artifact in found) == sorted(folder.iterdir())
        own = [artifact.segment for artifact in found if artifact.segment is not None]
        assert len(own) == len(found) - 1 == len(set(own))
        assert set(own) <= segments
        check_verdicts(ipqs, found)


def pages(name: str, page: int, last: int) -> dict[str, object]:
    """A right page of a list."""
    if name == "ipqs":
        return {"success": True, "csvs": [IPQS_JOB] * 2, "page": page, "total_pages": last, "total_csvs": 2 * last}
    jobs = {"data": [WHOISXML_JOB] * 2, "current_page": page, "last_page": last, "per_page": 50, "total": 2 * last}
    return {"response": jobs}


def _page_at(cursor: str | None, provider: Provider) -> ListPage:
    return provider.list_page(cursor)


@pytest.mark.parametrize(
    ("name", "account"),
    [("ipqs", {}), ("whoisxml", {"list_order": "asc"}), ("whoisxml", {"list_order": "desc", "list_page_rows": 10})],
    ids=["ipqs", "whoisxml-oldest-first", "whoisxml-newest-first"],
)
@fuzzing(40)
@given(data=st.data())
def test_a_walk_over_a_list_goes_on_by_one_page_or_ends(
    server: ScriptedServer, tmp_path: Path, name: str, account: dict[str, object], data: st.DataObject
) -> None:
    """Each page is followed by the next one, by none, or by an error, in either order; no job is made up."""
    bench = AnswerBench(name, server, tmp_path, **account)
    order = str(account.get("list_order", "desc"))
    assert bench.provider.capabilities.list_newest_first is (order == "desc")
    last = data.draw(st.integers(1, 4))
    rights = [pages(name, number, last) for number in range(1, last + 2)]
    script = [data.draw(st.just(whole(page)) | st.just(whole(page)) | answers(bodies(page))) for page in rights]
    cursor: str | None = None
    for number, (raw, right) in enumerate(zip(script, rights, strict=True), 1):
        server.heard.clear()
        page = bench.ask(raw, call=partial(_page_at, cursor))
        assert name == "ipqs" or all(f'"sort": "{order}"'.encode() in heard.body for heard in server.heard)
        check_read(page, ListPage)
        if isinstance(page, ProviderError):
            return
        for job in page.jobs:
            check_observation(job)
        if raw == whole(right):
            assert (len(page.jobs), page.next_cursor is None) == (2, number >= last)
        cursor = page.next_cursor
        if cursor is None:
            return
        assert cursor.rstrip("?") == str(number + 1)

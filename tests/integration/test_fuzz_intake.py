"""Whatever is put into the stream of requests is answered and staged or failed, and leaves one coherent story."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.contract import EVENTS_STREAM, REJECTED_STREAM, UPLOADS_STREAM
from tests.builders.bad_files import LIMITS
from tests.builders.bad_input import REASONS
from tests.builders.bad_places import a_ground, pull_hosts_of
from tests.builders.coherence import check_coherent
from tests.builders.fuzzing import fuzzing
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.odd_requests import ENTRIES, GREEDY, WHOLE, Entry, placed
from worker.actors import prepare
from worker.core.method import choose_method
from worker.core.states import Lane, UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.bad_input import Ground
    from worker.core.records import UploadRecord
    from worker.host.embedded import EmbeddedServer

#: Most characters of a message and its remedy.
TOLD_CHARACTERS_MAX = 4_000

#: Why staging may be put off until later; a bench has no fault of its own that would be another reason.
WAITS = {"source_unavailable"}


class FuzzBench(IntakeBench):
    """One intake for all examples, and the ground that their requests name."""

    ground: Ground

    def send_entry(self, sent: Entry) -> str:
        """Put an entry into the stream, its placeholders filled in; its id."""
        entry: str = self.client.xadd(UPLOADS_STREAM, placed(sent, self.ground))
        return entry

    def answer_of(self, entry: str) -> dict[str, str]:
        """The one event that answers an entry."""
        answers: list[dict[str, str]] = [
            fields | json.loads(fields["details"])
            for _, fields in self.client.xrevrange(EVENTS_STREAM, count=100)
            if json.loads(fields["details"]).get("entry") == entry
        ]
        assert len(answers) == 1
        return answers[0]

    def forget(self) -> None:
        """Begin anew: no record and nothing staged."""
        self.client.flushdb()
        self.intake.prepare()
        shutil.rmtree(self.ground.storage / "uploads", ignore_errors=True)

    def check_staged(self, upload_id: str) -> None:
        """Stage an accepted upload that waits for it, and fail unless it goes on, failed in words, or says why not."""
        context = self.line.plant.context
        upload = self.line.upload(upload_id)
        if upload.state is UploadState.ACCEPTED:
            assert upload_id in self.store.due(upload.account, Lane.PREPARE, self.store.now(), 10_000)
            prepare.run(context, upload_id, upload.epoch)
            upload = self.line.upload(upload_id)
        assert upload.crashes == 0
        check_words(upload.message)
        match upload.state:
            case UploadState.RUNNING:
                methods = context.accounts[upload.account].provider.capabilities.submit_methods
                assert choose_method(upload, methods) is not None
                check_rows(upload, self.line)
            case UploadState.FAILED:
                assert upload.reason in REASONS, upload.reason
            case _:
                assert upload.reason in WAITS, (upload.state, upload.reason)
                assert upload.lane is Lane.PREPARE


def check_rows(upload: UploadRecord, line: Any) -> None:
    """Fail unless every row of a staged upload is empty, withheld, folded or in a part."""
    to_send = upload.rows - upload.empty - upload.folded - upload.withheld
    assert sum(part.rows for part in line.parts(upload.upload_id)) == to_send > 0


def check_words(text: str) -> None:
    """Fail for words that are without bounds, or that a terminal would obey."""
    assert text.isprintable(), ascii(text)
    assert len(text) <= TOLD_CHARACTERS_MAX


def check_rejected(told: dict[str, str], rejected: dict[str, str]) -> None:
    """Fail unless a rejection gives a known reason, the same in both places, and a remedy."""
    assert told["reason"] in REASONS, told
    assert {name: told[name] for name in ("entry", "reason", "message", "remedy")}.items() <= rejected.items()
    check_words(f"{told['message']} {told['remedy']}")
    assert told["remedy"].endswith(".")
    assert len(rejected["request"]) <= 2_000


@pytest.fixture(scope="module")
def bench(redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzBench]:
    """Yield one intake for all examples, in databases of their own."""
    urls = [redis_server.url(database) for database in (6, 7)]
    folder = tmp_path_factory.mktemp("intake")
    with a_ground(folder) as ground:
        settings: dict[str, Any] = {
            "input_roots": (ground.inside,),
            "pull_hosts": pull_hosts_of(ground),
            "producer_rows_per_day_overrides": {GREEDY: 2},
            **LIMITS,
        }
        with an_intake(folder, *urls, **settings) as plain:
            bench = FuzzBench(plain.line)
            bench.ground = ground
            ground.file("list.csv", "email\nann@example.com\n")
            ground.file("none.csv", "")
            (ground.inputs / "list.csv").write_text("bob@example.com\n")
            yield bench


@fuzzing(200)
@given(sent=ENTRIES)
@example(sent={"request": json.dumps(WHOLE)})
def test_every_entry_is_answered_once(bench: FuzzBench, sent: Entry) -> None:
    """Each entry is accepted or rejected with a known reason, and gone; what is accepted is staged, or failed."""
    entry = bench.send_entry(sent)
    assert bench.intake.read() == 1
    assert bench.unanswered() == 0
    told = bench.answer_of(entry)
    if told["event"] == "rejected":
        ((_, rejected),) = bench.client.xrevrange(REJECTED_STREAM, count=1)
        check_rejected(told, rejected)
    else:
        assert told["event"] == "accepted"
        bench.check_staged(told["upload_id"])


@fuzzing(12)
@given(batch=st.lists(ENTRIES, min_size=1, max_size=10))
def test_a_batch_of_anything_leaves_the_records_coherent(bench: FuzzBench, batch: list[Entry]) -> None:
    """After every batch, with one good request in its midst, records, indexes and the due set agree."""
    bench.forget()
    entries = [bench.send_entry(sent) for sent in batch]
    good = bench.send_entry({"request": json.dumps(WHOLE | {"upload_id": "good-1"})})
    entries += [bench.send_entry(sent) for sent in reversed(batch)]
    bench.intake.read()
    assert bench.unanswered() == 0
    told = [bench.answer_of(entry) for entry in entries]
    assert bench.answer_of(good)["event"] == "accepted"
    assert "defect" not in bench.reasons()
    check_coherent(bench.store)
    for upload_id in {"good-1", *(each["upload_id"] for each in told if each["event"] == "accepted")}:
        bench.check_staged(upload_id)
    assert bench.line.upload("good-1").state is UploadState.RUNNING
    check_coherent(bench.store)

"""`bulkverify upload --dry-run`: what would become of a list is told, and nothing is submitted, written or spent."""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import redis

from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.line import IPQS_KEY, Line, running_line
from tests.builders.provider_bench import CountingGate
from tests.builders.scripted_server import ScriptedServer
from worker.cli.dry_run.balance import Balance, balance_of
from worker.core.states import UploadState
from worker.core.tombstone import Tombstone
from worker.core.urgency import Urgency
from worker.providers.registry import build
from worker.providers.sandbox.faults import Fault
from worker.rows import parts, staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

#: Two values to send, one row folded, one empty.
LIST = "name;email\nAnn;ann@example.com\nBob;bob@example.com\nAgain;ann@EXAMPLE.com\nNobody;\n"
#: Counts of a list whose rows all have as many cells as it has columns.
EVEN = {"ragged": 0, "columns_added": 0}


@dataclass
class Bench:
    """An installation whose workers do not run, and a command line on the same machine."""

    line: Line
    command: CommandLine

    def dry(self, *arguments: str, answer: str | None = None) -> Result:
        """Run a dry run, and see to it that nothing was written or spent."""
        before = self.written()
        done = self.command("upload", *arguments, "--dry-run", answer=answer)
        assert self.written() == before
        assert self.line.ipqs.ledger == []
        assert list((self.line.folder / "scratch").iterdir()) == self.others
        return done

    def told(self, *arguments: str, answer: str | None = None, account: str = "ipqs-main") -> list[dict[str, Any]]:
        """The documents that a dry run prints."""
        done = self.dry(*arguments, "--account", account, "--json", answer=answer)
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.exit_code == max(report["exit_code"] for report in reports), done.output
        return reports

    @property
    def others(self) -> list[Path]:
        """Folders of the processes that run."""
        return [self.line.plant.context.workspace._folder]

    def written(self) -> tuple[object, ...]:
        """Every key of both databases with its value, and every file of the storage; not how often was called."""
        values = []
        for url in (self.line.settings.redis_url, self.line.settings.broker_url):
            with redis.Redis.from_url(str(url)) as client:
                values.append({key: client.dump(key) for key in sorted(client.scan_iter()) if b":rate:" not in key})
        files = sorted((self.line.folder / "storage").rglob("*"))
        return (*values, {file: file.stat().st_mtime_ns for file in files})


@contextmanager
def a_bench(folder: Path, redis_url: str, broker_url: str, **overrides: Any) -> Iterator[Bench]:
    """A bench; `overrides` are the line's."""
    with running_line(folder, redis_url, broker_url, start=False, **overrides) as line:
        command = CommandLine(redis_url, folder)
        command.environment |= {
            "BULKVERIFY_ACCOUNTS_FILE": str(line.settings.accounts_file),
            "BULKVERIFY_STORAGE_URL": line.settings.storage_url,
            "BULKVERIFY_INPUT_ROOTS": str(folder),
        }
        yield Bench(line, command)


@pytest.fixture
def bench(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Bench]:
    """Yield a bench whose accounts take one row a part."""
    with a_bench(tmp_path, redis_url, broker_url, max_part_rows=1) as bench:
        yield bench


def test_a_list_that_could_be_submitted(bench: Bench) -> None:
    """Rows, column, parts, cost at most and balance are told; the id is the one that submitting it would have."""
    path = bench.line.file("list.csv", LIST)
    [told] = bench.told(str(path))
    assert (told["outcome"], told["exit_code"], told["state"], told["file"]) == ("accepted", 0, "", "list.csv")
    assert told["source"] == {"path": str(path)}
    assert told["counts"] == {"rows": 4, "empty": 1, "folded": 1, "withheld": 0, "distinct": 2, "parts": 2} | EVEN
    assert (told["part_rows_max"], told["credits_max"], told["credits_missing"]) == (1, 2, 0)
    assert (told["dialect"]["column_name"], told["dialect"]["delimiter"]) == ("email", ";")
    assert "email" in told["dialect"]["why"]
    assert told["balance"] == {"credits": bench.line.ipqs.balance, "unknown": ""}
    assert told["quota"] is None
    assert told["upload_id"] == bench.line.submit(path, "ipqs-main")


def test_words_for_people(bench: Bench) -> None:
    """Without --json the same is told in lines, one for each thing that is known."""
    done = bench.dry(str(bench.line.file("list.csv", LIST)), "--account", "ipqs-main")
    assert done.exit_code == ExitCode.OK, done.output
    heading, *lines = done.stdout.splitlines()
    assert heading == "list.csv  could be submitted"
    fields = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert fields["column"] == "email (number 1)"
    assert fields["rows"] == "4: 1 empty, 1 folded, 0 withheld, 2 to send"
    assert fields["parts"] == "2, at most 1 rows each"
    assert fields["credits"] == "2 at most"


def test_a_list_with_ragged_rows(bench: Bench) -> None:
    """A row with too many cells changes every row of the result, so it is told beforehand."""
    path = bench.line.file("list.csv", LIST + "Cy;cy@example.com;1;2;3\n")
    [told] = bench.told(str(path))
    assert (told["counts"]["ragged"], told["counts"]["columns_added"]) == (1, 3)
    lines = bench.dry(str(path), "--account", "ipqs-main").stdout
    assert "1 with more or fewer cells than the list has columns; they add 3 to every row of the result" in lines


def test_a_compressed_list_that_is_screened(bench: Bench) -> None:
    """A list is decompressed and screened as workers would do it, and what that saves is told."""
    path = bench.line.folder / "list.csv.gz"
    path.write_bytes(gzip.compress((LIST + "Cy;n/a\n").encode()))
    [told] = bench.told(str(path), "--screen", "--format", "jsonl")
    assert told["counts"] == {"rows": 5, "empty": 1, "folded": 1, "withheld": 1, "distinct": 2, "parts": 2} | EVEN
    assert told["credits_saved"] == {"folded": 1, "withheld": 1, "reused": 0}
    assert told["dialect"]["why"].startswith(f"decompressed with gzip from {path.stat().st_size} to ")
    assert told["upload_id"] == bench.line.submit(path, "ipqs-main", screen=True, format="jsonl")
    lines = bench.dry(str(path), "--account", "ipqs-main").stdout.splitlines()
    assert "  saved    1 credits (1 folded)" in lines


def test_a_list_that_is_known(bench: Bench) -> None:
    """A list that was uploaded before is told with its upload's state, and would cost nothing."""
    path = bench.line.file("list.csv", LIST)
    upload_id = bench.line.submit(path, "ipqs-main")
    [told] = bench.told(str(path))
    assert (told["outcome"], told["upload_id"], told["state"]) == ("known", upload_id, UploadState.ACCEPTED)
    assert (told["credits_max"], told["counts"], told["balance"]) == (0, None, None)


def test_a_list_of_a_purged_upload(bench: Bench) -> None:
    """A list of which only the tombstone is left is known all the same, and would cost nothing."""
    path = bench.line.file("list.csv", LIST)
    upload = bench.line.upload(bench.line.submit(path, "ipqs-main"))
    ended = upload.model_copy(update={"state": UploadState.COMPLETED, "finished_at": upload.created_at})
    key = bench.line.plant.context.store.key("upload", upload.upload_id)
    bench.line.plant.context.store.client.set(key, Tombstone.of(ended).encode())
    [told] = bench.told(str(path))
    assert (told["outcome"], told["state"], told["exit_code"]) == ("known", "purged/completed", 0)
    assert told["credits_max"] == 0


def test_a_staged_upload_tells_its_rows(bench: Bench) -> None:
    """Of a known upload that is staged the rows are told, which nobody counts once more."""
    path = bench.line.file("list.csv", LIST)
    bench.line.start_worker()
    upload_id = bench.line.submit(path, "ipqs-main")
    bench.line.finish(upload_id)
    told = json.loads(bench.command("upload", str(path), "--account", "ipqs-main", "--dry-run", "--json").stdout)
    assert (told["state"], told["counts"]["distinct"], told["counts"]["parts"]) == ("completed", 2, 2)
    assert sum(charge.rows for charge in bench.line.ipqs.ledger) == 2


def test_another_list_of_a_known_id_is_a_conflict(bench: Bench) -> None:
    """An id that belongs to another list is refused with intake's own words."""
    bench.line.submit(bench.line.file("one.csv", LIST), "ipqs-main", upload_id="crm-1")
    [told] = bench.told(str(bench.line.file("two.csv", "email\nc@example.com\n")), "--id", "crm-1")
    assert (told["outcome"], told["reason"], told["exit_code"]) == ("rejected", "conflict", 1)
    assert told["message"] == "The upload id 'crm-1' belongs to another request."


@pytest.mark.parametrize(
    ("account", "options", "reason"),
    [
        ("nobody", (), "account_unknown"),
        ("whoisxml-main", ("--kind", "proxy"), "kind_unsupported"),
        ("whoisxml-main", ("--segment", "clean"), "segment_unsupported"),
    ],
)
def test_what_intake_would_refuse(bench: Bench, account: str, options: tuple[str, ...], reason: str) -> None:
    """What the account is not or cannot is told as intake tells it."""
    path = bench.line.file("list.csv", LIST)
    [told] = bench.told(str(path), *options, account=account)
    assert (told["outcome"], told["reason"], told["exit_code"]) == ("rejected", reason, 1)
    assert told["remedy"]


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (LIST, ("--column", "phone"), "column_not_found"),
        ("email\nann@example.com\n" + '"open\n' * 5, (), "quote"),
        ("".join(f"reader{number}@example.com\n" for number in range(12)), (), "too_many_rows"),
    ],
)
def test_a_list_that_would_fail(bench: Bench, text: str, options: tuple[str, ...], reason: str) -> None:
    """A list that cannot be read as it is, or is beyond a limit, fails with the words of its upload."""
    bench.command.environment["BULKVERIFY_INPUT_ROWS_MAX"] = "10"
    [told] = bench.told(str(bench.line.file("list.csv", text)), *options)
    assert (told["outcome"], told["reason"], told["exit_code"]) == ("failed", reason, 1), told
    assert told["message"].startswith("list.csv")
    assert (told["credits_max"], told["balance"]) == (None, None)


def test_a_key_in_the_request(bench: Bench) -> None:
    """A request that holds an API key of the workers is refused, and the key is not repeated."""
    done = bench.dry(str(bench.line.file("list.csv", LIST)), "--account", "ipqs-main", "--label", IPQS_KEY)
    assert done.exit_code == ExitCode.FAILED
    assert "(secret_inside)" in done.stdout
    assert IPQS_KEY not in done.output


def test_a_file_outside_the_input_roots(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that the workers may not read is refused, as it would be when it is submitted."""
    path = tmp_path_factory.mktemp("elsewhere") / "list.csv"
    path.write_text(LIST)
    [told] = bench.told(str(path))
    assert (told["outcome"], told["reason"], told["exit_code"]) == ("rejected", "outside_roots", 1)


def test_a_missing_file_is_a_usage_error(bench: Bench) -> None:
    """A file that is not there ends the command as it ends a submission."""
    done = bench.dry(str(bench.line.folder / "missing.csv"), "--account", "ipqs-main")
    assert done.exit_code == ExitCode.USAGE
    assert "cannot be read" in done.stderr


def test_over_the_producers_quota(bench: Bench) -> None:
    """Lists of one command line share what is left of the day; the one that does not fit would fail."""
    bench.command.environment["BULKVERIFY_PRODUCER_ROWS_PER_DAY_MAX"] = "3"
    one, two = bench.line.file("one.csv", LIST), bench.line.file("two.csv", "email\nc@example.com\nd@example.com\n")
    first, second = bench.told(str(one), str(two))
    assert (first["outcome"], first["quota"]["left_rows"]) == ("accepted", 3)
    assert (second["outcome"], second["reason"], second["exit_code"]) == ("failed", "producer_quota", 1)
    assert (second["quota"]["left_rows"], second["counts"]["distinct"], second["credits_max"]) == (1, 2, None)
    assert "3 rows a day; 2 are used and this list has 2 to be paid for" in second["message"]


def test_the_same_list_twice_is_one_upload(bench: Bench) -> None:
    """Two files with the same content on one command line are told once, with a sentence about the other."""
    one, two = bench.line.file("one.csv", LIST), bench.line.file("two.csv", LIST)
    done = bench.dry(str(one), str(two), "--account", "ipqs-main")
    assert "two.csv holds the same as one.csv" in done.stderr
    assert done.stdout.count("could be submitted") == 1


def test_values_on_standard_input(bench: Bench) -> None:
    """With - the lines that another program prints are tried out."""
    [told] = bench.told("-", answer="ann@example.com\nann@example.com\n")
    assert (told["outcome"], told["source"], told["file"]) == ("accepted", {"rows": "2"}, "-")
    assert (told["counts"]["folded"], told["credits_max"]) == (1, 1)


def test_a_list_in_storage(bench: Bench) -> None:
    """A list of the storage's folder for inputs is tried out under the id that intake would derive."""
    bench.line.plant.context.storage.create("inputs/list.csv", LIST.encode())
    [told] = bench.told("--url", bench.line.plant.context.storage.url("inputs/list.csv"))
    assert (told["outcome"], told["counts"]["distinct"]) == ("accepted", 2)
    assert told["upload_id"] == bench.line.submit(bench.line.file("list.csv", LIST), "ipqs-main")


def test_a_list_on_another_host(bench: Bench) -> None:
    """A list that the provider may pull is read, and why it would be sent instead is told."""
    with ScriptedServer() as site:
        bench.command.environment["BULKVERIFY_PULL_HOSTS"] = site.base_url.removeprefix("http://")
        site.then(LIST.encode(), Content_Length=str(len(LIST)))
        [told] = bench.told("--remote-url", f"{site.base_url}/list.csv")
    assert (told["outcome"], told["counts"]["parts"]) == ("accepted", 2), told
    assert "its first row is a header" in told["not_pullable"]


def test_a_host_that_is_not_allowed(bench: Bench) -> None:
    """A list on a host that the workers may not read from is refused."""
    [told] = bench.told("--remote-url", "https://files.example.com/list.csv")
    assert (told["outcome"], told["reason"]) == ("rejected", "host_not_allowed")


def test_an_account_with_too_few_credits(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A balance that does not pay for all lists together is told with what is missing: their parts would wait."""
    with a_bench(tmp_path, redis_url, broker_url, ipqs={"credits": 3}) as bench:
        one, two = bench.line.file("one.csv", LIST), bench.line.file("two.csv", "email\nc@example.com\nd@example.com\n")
        told = bench.told(str(one), str(two))
        assert dict(bench.line.ipqs.calls) == {"credits": 1}
        assert "too few: parts would wait for more" in bench.dry(str(one), str(two), "--account", "ipqs-main").stdout
    assert [(each["balance"]["credits"], each["credits_missing"]) for each in told] == [(3, 0), (3, 1)]
    assert [each["exit_code"] for each in told] == [0, 0]


def test_a_balance_that_cannot_be_had(bench: Bench) -> None:
    """Without the provider's answer the balance is unknown, said why, and the rest is told all the same."""
    path = bench.line.file("list.csv", LIST)
    bench.line.ipqs.knobs.faults.append(Fault("credits", "reset"))
    [told] = bench.told(str(path))
    assert (told["outcome"], told["exit_code"], told["balance"]["credits"]) == ("accepted", 0, None)
    assert "the connection failed" in told["balance"]["unknown"]
    bench.line.ipqs.knobs.faults.append(Fault("credits", "bad_key"))
    assert "balance  unknown: " in bench.dry(str(path), "--account", "ipqs-main").stdout


def test_a_balance_that_is_slow(bench: Bench) -> None:
    """Nobody at a command line waits for a provider for longer than the deadline, however long a call may take."""
    bench.line.ipqs.knobs.faults.append(Fault("credits", "hang", seconds=2.0))
    account = bench.line.plant.context.accounts["ipqs-main"].account
    slow = balance_of(build(account, CountingGate()), deadline_seconds=0.05)
    assert slow == Balance(None, "the provider did not answer within 0.05 s")


def test_the_call_for_the_balance_takes_a_token(bench: Bench) -> None:
    """Where the account's call rate is used up, no call is made, and the balance is unknown for that reason."""
    account = bench.line.plant.context.accounts["ipqs-main"].account
    store = bench.line.plant.context.store
    while not store.take_token(account.name, 100.0, 4, Urgency.WORK):
        pass
    calls = bench.line.ipqs.calls.total()
    [told] = bench.told(str(bench.line.file("list.csv", LIST)))
    assert "call rate is used up" in told["balance"]["unknown"]
    assert bench.line.ipqs.calls.total() == calls


def test_an_interruption_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a list is staged ends the command with its code, and no intermediate file is left."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parts.PartsWriter, "write", interrupt)
    done = bench.dry(str(bench.line.file("list.csv", LIST)), "--account", "ipqs-main")
    assert done.exit_code == ExitCode.INTERRUPTED
    assert "Nothing was submitted." in done.stderr


def test_staging_of_a_long_list_is_shown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a long list sees that it is being staged."""
    monkeypatch.setattr(staging, "PROGRESS_ROWS", 2)
    done = bench.dry(str(bench.line.file("list.csv", LIST)), "--account", "ipqs-main")
    assert "list.csv  staging  2 rows staged" in done.stderr


def test_nothing_is_waited_for(bench: Bench) -> None:
    """A dry run and --wait contradict each other."""
    done = bench.dry(str(bench.line.file("list.csv", LIST)), "--account", "ipqs-main", "--wait")
    assert done.exit_code == ExitCode.USAGE
    assert "--dry-run submits nothing" in done.stderr

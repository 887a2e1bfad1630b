"""The shipped Redis users: each can do all of its work, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings
from producers.client import Client
from producers.contract import EVENTS_STREAM, REJECTED_STREAM, UPLOADS_STREAM, result_key, upload_key
from producers.errors import NotAccepted, Rejected
from tests.builders.command_line import CommandLine
from tests.builders.ended import DAY_SECONDS, an_ended_upload
from tests.builders.line import running_line
from tests.builders.records import a_running_upload
from tests.builders.server_process import a_server, free_port, with_password
from worker.broker.sorted_set import DELAYED_KEYS, NAMESPACE
from worker.core.states import UploadState
from worker.core.tombstone import Tombstone
from worker.exporter.server import Exporter
from worker.intake.pressure import Pressure
from worker.retention.housekeeper import Housekeeper
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = Path(__file__).parents[2] / "config" / "redis" / "users.conf"
EMAILS = "name,email\nJane,jane@example.com\nTwin,JANE@Example.com\nEmpty,\nBad,nonsense\n"
ADMIN, WORKER = "admin", "bulkverify-worker"
PRODUCER, EXPORTER = "bulkverify-producer", "bulkverify-exporter"


class Guarded:
    """A server that lets in the users of the shipped file, whose passwords are their names in capitals."""

    def __init__(self, port: int) -> None:
        self._port = port

    def url(self, user: str, database: int = 0) -> str:
        """The URL of a database for a user; in production there is an `s` after `redis`."""
        return f"redis://{user}:{user.upper()}@127.0.0.1:{self._port}/{database}"

    def client(self, user: str, database: int = 0) -> redis.Redis:
        """A connection as a user, which answers in text."""
        return redis.Redis.from_url(self.url(user, database), decode_responses=True)

    def denials(self) -> list[tuple[str, str, str]]:
        """What users were refused since the last look: user, why, and the command or key."""
        with self.client(ADMIN) as admin:
            log: Any = admin.acl_log()
            admin.acl_log_reset()
        return [(entry["username"], entry["reason"], entry["object"]) for entry in log]


@pytest.fixture(scope="module")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Yield a server under the shipped file of users, which this module shares."""
    users = USERS.read_text(encoding="utf-8")
    for user in (ADMIN, WORKER, PRODUCER, EXPORTER):
        users = with_password(users, user, user.upper())
    port = free_port()
    with a_server(tmp_path_factory.mktemp("guarded"), f"port {port}\n{users}", f"redis://127.0.0.1:{port}"):
        yield Guarded(port)


@pytest.fixture
def guarded(running_server: Guarded) -> Guarded:
    """Return that server, empty, with nothing in its log of denials."""
    with running_server.client(ADMIN) as admin:
        admin.flushall()
        admin.acl_log_reset()
    return running_server


def test_the_shipped_file_lets_nobody_in(tmp_path: Path) -> None:
    """A server starts with the file as it is, and nobody can log in: every password in it is a placeholder."""
    port = free_port()
    users = USERS.read_text(encoding="utf-8")
    with a_server(tmp_path, f"port {port}\n{users}", f"redis://127.0.0.1:{port}"):
        for user in ("default", ADMIN, WORKER, PRODUCER, EXPORTER):
            for password in ("", "0" * 64, user):
                with (
                    redis.Redis(port=port, username=user, password=password, retry=Retry(NoBackoff(), 0)) as client,
                    pytest.raises((redis.AuthenticationError, redis.exceptions.NoPermissionError)),
                ):
                    client.ping()


def test_a_list_comes_back_through_users_who_may_do_no_more_than_they_need(tmp_path: Path, guarded: Guarded) -> None:
    """Producer and workers do all of their work, with both providers, and Redis refuses them nothing meanwhile."""
    with (
        running_line(tmp_path, guarded.url(WORKER), guarded.url(WORKER, 1)) as line,
        Client(guarded.url(PRODUCER), producer="crm") as client,
    ):
        for account in ("ipqs-main", "whoisxml-main"):
            upload_id = client.submit(line.file("list.csv", EMAILS), account=account, kind="email")
            line.intake.read()
            assert client.wait(upload_id, timeout_seconds=20).state == UploadState.COMPLETED
            assert client.result(upload_id).counts.rows == 4
            words = [event.event for event in client.events(upload_id)]
            assert (words[0], words[-1]) == ("accepted", "completed")

        rows = client.submit(
            line.file("rows.csv", f"{EMAILS}More,more@example.com\n"), account="ipqs-main", kind="email", result="rows"
        )
        line.intake.read()
        client.wait(rows, timeout_seconds=20)
        unreachable = client.result(rows).model_copy(update={"url": "s3://bucket/result.csv"})
        assert client.with_rows(unreachable).rows_csv is not None

        refused = client.submit(line.file("other.csv", EMAILS), account="nobody", kind="email", upload_id="refused")
        line.intake.read()
        with pytest.raises(Rejected):
            client.wait(refused, timeout_seconds=10)
        assert line.plant.context.store.upload_ids(most=10)
        with Client(guarded.url(PRODUCER, 2)) as elsewhere:
            assert elsewhere.status(upload_id) is None
    assert guarded.denials() == []


def test_an_operator_who_looks_needs_no_more_rights(tmp_path: Path, guarded: Guarded) -> None:
    """`doctor` works as the worker, and `top` even as the exporter; Redis refuses them nothing."""
    with running_line(tmp_path, guarded.url(WORKER), guarded.url(WORKER, 1), start=False) as line:
        a_running_upload(line.plant.context.store)
        for user, arguments in ((WORKER, ["doctor"]), (WORKER, ["top", "--once"]), (EXPORTER, ["top", "--once"])):
            command = CommandLine(guarded.url(user), tmp_path)
            command.environment["BULKVERIFY_BROKER_URL"] = guarded.url(user, 1)
            assert "part list-1/3 waits for a person" in command(*arguments).stdout
    assert guarded.denials() == []


def test_housekeeping_needs_no_more_rights_than_the_work(tmp_path: Path, guarded: Guarded) -> None:
    """The worker may do every act of it, and look at the memory; producers may read a tombstone."""
    with running_line(tmp_path, guarded.url(WORKER), guarded.url(WORKER, 1), start=False) as line:
        store = line.plant.context.store
        an_ended_upload(store)
        line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        store.clock_offset_seconds = 31 * DAY_SECONDS
        keeper = Housekeeper(line.plant.context)
        assert all(keeper.take_turn(act) for act in keeper.acts)
        assert isinstance(store.found("list-1"), Tombstone)
        assert Pressure(store, share=0.8).high() is False
    with Client(guarded.url(PRODUCER)) as client:
        status = client.status("list-1")
        assert status is not None
        assert status.purged
    assert guarded.denials() == []


@pytest.mark.parametrize(
    "command",
    [
        ["DEL", UPLOADS_STREAM],
        ["XDEL", UPLOADS_STREAM, "1-1"],
        ["XTRIM", UPLOADS_STREAM, "MAXLEN", "0"],
        ["XRANGE", UPLOADS_STREAM, "-", "+"],
        ["XREAD", "STREAMS", EVENTS_STREAM, UPLOADS_STREAM, "0", "0"],
        ["XREADGROUP", "GROUP", "intake", "me", "STREAMS", UPLOADS_STREAM, ">"],
        ["XGROUP", "DESTROY", UPLOADS_STREAM, "intake"],
        ["XADD", EVENTS_STREAM, "*", "event", "completed"],
        ["XADD", REJECTED_STREAM, "*", "entry", "1-1"],
        ["XTRIM", EVENTS_STREAM, "MAXLEN", "0"],
        ["SET", upload_key("crm-1"), "{}"],
        ["HSET", f"{upload_key('crm-1')}:parts", "rows_done", "9"],
        ["SET", result_key("crm-1"), "email"],
        ["DEL", result_key("crm-1")],
        ["GET", "bulkverify:part:crm-1/0"],
        ["GET", "bulkverify:account:ipqs-main"],
        ["HGETALL", "bulkverify:ledger:ipqs-main"],
        ["HGETALL", f"{NAMESPACE}:submit.msgs"],
        ["GET", "another:application"],
        ["KEYS", "*"],
        ["SCAN", "0"],
        ["RANDOMKEY"],
        ["EVAL", "return 1", "0"],
        ["SCRIPT", "LOAD", "return 1"],
        ["FUNCTION", "LIST"],
        ["FLUSHDB"],
        ["FLUSHALL"],
        ["SWAPDB", "0", "1"],
        ["CONFIG", "GET", "*"],
        ["INFO"],
        ["MONITOR"],
        ["CLIENT", "LIST"],
        ["ACL", "LIST"],
        ["SUBSCRIBE", "__keyevent@0__:set"],
        ["SAVE"],
        ["SHUTDOWN"],
    ],
    ids=" ".join,
)
def test_a_producer_may_do_nothing_else(guarded: Guarded, command: list[str]) -> None:
    """A producer can neither read what is not its own, nor change or delete anything, nor manage the server."""
    with guarded.client(PRODUCER) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


def test_a_producer_with_a_wrong_password_is_told_so(tmp_path: Path, guarded: Guarded) -> None:
    """The client says that user or password are not accepted, and does not show them."""
    path = tmp_path / "list.csv"
    path.write_text(EMAILS)
    url = guarded.url(PRODUCER).replace(PRODUCER.upper(), "wrong-canary")
    with Client(url) as client, pytest.raises(NotAccepted, match="user or password") as caught:
        client.submit(path, account="ipqs-main", kind="email")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "command",
    [
        ["GET", "another:application"],
        ["SET", "another:application", "x"],
        ["DEL", "bulkverify-of-somebody-else"],
        ["EVAL", "return redis.call('GET', 'another:application')", "0"],
        ["SORT", UPLOADS_STREAM],
        ["RESTORE", "bulkverify:x", "0", "x"],
        ["FLUSHDB"],
        ["FLUSHALL"],
        ["SWAPDB", "0", "1"],
        ["SCRIPT", "FLUSH"],
        ["CONFIG", "SET", "maxmemory", "0"],
        ["ACL", "SETUSER", "me", "on"],
        ["CLIENT", "KILL", "TYPE", "normal"],
        ["REPLICAOF", "NO", "ONE"],
        ["SHUTDOWN"],
    ],
    ids=" ".join,
)
def test_a_worker_stays_within_its_own_keys(guarded: Guarded, command: list[str]) -> None:
    """A worker can neither touch other applications' keys, nor empty a database, nor manage the server."""
    with guarded.client(WORKER) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


def test_not_even_a_script_of_a_worker_reaches_other_keys(guarded: Guarded) -> None:
    """What a script touches is checked like what a command names."""
    with (
        guarded.client(WORKER) as client,
        pytest.raises(redis.ResponseError, match=r"(?i)permission|can't access|ACL failure"),
    ):
        client.register_script("return redis.call('GET', 'another:application')")()


def test_the_exporter_scrapes_as_a_user_of_its_own(tmp_path: Path, guarded: Guarded) -> None:
    """Every figure of both databases is served to a user that can only read, and nothing is refused meanwhile."""
    with running_line(tmp_path, guarded.url(WORKER), guarded.url(WORKER, 1), start=False) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
    settings = Settings(
        home=tmp_path, redis_url=guarded.url(EXPORTER), broker_url=guarded.url(EXPORTER, 1), metrics_port=0
    )
    with Exporter(settings, {"ipqs-main": "ipqs"}) as exporter:
        host, port = exporter.address
        page = requests.get(f"http://{host}:{port}/metrics", timeout=10).text
        assert requests.get(f"http://{host}:{port}/readyz", timeout=10).ok
    for figure in (
        'bulkverify_redis_up{database="state"} 1.0',
        'bulkverify_redis_up{database="broker"} 1.0',
        'bulkverify_uploads{account="ipqs-main",kind="email",provider="ipqs",state="accepted"} 1.0',
    ):
        assert figure in page
    assert guarded.denials() == []
    with guarded.client(WORKER) as client:
        assert Store(client).upload(upload_id) is not None


@pytest.mark.parametrize(
    "command",
    [
        ["SET", upload_key("crm-1"), "{}"],
        ["DEL", upload_key("crm-1")],
        ["XADD", UPLOADS_STREAM, "*", "request", "{}"],
        ["XACK", UPLOADS_STREAM, "intake", "1-1"],
        ["HINCRBY", "bulkverify:ledger:ipqs-main", "committed", "1"],
        ["ZADD", DELAYED_KEYS[0], "1", "x"],
        ["GET", "another:application"],
        ["EVAL", "return 1", "0"],
        ["KEYS", "*"],
        ["FLUSHDB"],
        ["CONFIG", "GET", "*"],
    ],
    ids=" ".join,
)
def test_the_exporter_changes_nothing(guarded: Guarded, command: list[str]) -> None:
    """The exporter can neither write, nor run scripts, nor read what is not the program's."""
    with guarded.client(EXPORTER) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)

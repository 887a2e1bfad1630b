"""What is particular to storage in an object store: lost answers, refusals in words, forks, keys and links."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from config.redaction import redactor
from tests.builders.answer_losing import AnswerLosing
from tests.builders.s3_server import ACCESS_KEY, S3_ENVIRONMENT, SECRET_KEY, S3Server
from tests.builders.server_process import free_port
from tests.builders.unconditional_store import UnconditionalStore
from worker.storage import (
    CloudOptions,
    InvalidCredentials,
    InvalidUrl,
    NotFound,
    StorageError,
    StorageFull,
    StorageUnavailable,
    StorageUnsafe,
    exists,
    open_storage,
    require_exclusive_creation,
)
from worker.storage.cloud_errors import from_library
from worker.storage.copies import local_file
from worker.storage.credentials import credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.storage import Storage

ROOT = Path(__file__).parents[2]


def storage_at(server: S3Server, folder: Path, endpoint: str = "") -> Storage:
    """A storage in a new bucket of a server, by way of another endpoint where one is named."""
    options = server.options(folder / "spool")
    return open_storage(f"s3://{server.new_bucket()}/b", replace(options, endpoint=endpoint or server.endpoint))


def texts_of(error: BaseException | None) -> str:
    """Everything that a traceback of an error would tell."""
    told = ""
    while error is not None:
        told += f"{error!r} {error} "
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def test_whoever_created_an_object_learns_so_though_every_answer_was_lost(tmp_path: Path, s3: S3Server) -> None:
    """The answers to the request and to its repetitions are lost: the object itself tells whose it is."""
    with AnswerLosing(s3.endpoint, lambda method, _number: method == "PUT") as proxy:
        storage = storage_at(s3, tmp_path, proxy.endpoint)
        assert storage.create("attempts/t/1", b"same words")
        assert not storage.create("attempts/t/1", b"same words")
        assert "PUT" in proxy.requests


def test_an_unknown_creation_is_an_error(tmp_path: Path, s3: S3Server) -> None:
    """Where not even the object can be looked at, nobody says that it was created or was there."""
    with AnswerLosing(s3.endpoint, lambda *_: True) as proxy:
        storage = storage_at(s3, tmp_path, proxy.endpoint)
        with pytest.raises(StorageUnavailable, match=r"'attempts/t/1': the store cannot be reached"):
            storage.create("attempts/t/1", b"x")


def test_a_replaced_object_is_not_read_on(tmp_path: Path, s3: S3Server) -> None:
    """A reader that finds another version behind its first block says so, and mixes nothing."""
    storage = storage_at(s3, tmp_path)
    for content in (b"a", b"b"):
        with storage.write("x") as file:
            file.write(content * 20_000_000)
        if content == b"a":
            reader = storage.open("x")
            assert reader.read(10) == b"a" * 10
    with reader, pytest.raises(StorageUnavailable, match="replaced while it was read"):
        reader.read()


def test_what_was_put_together_leaves_no_file(tmp_path: Path, s3: S3Server) -> None:
    """The local file in which an object is put together has no name, so that not even a kill leaves it."""
    storage = storage_at(s3, tmp_path)
    with storage.write("x") as file:
        file.write(b"x")
        file.flush()
        assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda storage: storage.create("u/x", b"x"),
        lambda storage: storage.read("u/x", 9),
        lambda storage: exists(storage, "u/x"),
        lambda storage: list(storage.list("u")),
        lambda storage: list(storage.folders("u")),
        lambda storage: storage.delete_prefix("u"),
        lambda storage: storage.written_at("u"),
    ],
    ids=["create", "read", "exists", "list", "folders", "delete", "written_at"],
)
def test_refused_keys_are_told_without_them(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch, use: Callable[[Storage], object]
) -> None:
    """Wrong credentials are told as such with what to do, and neither they nor a signature are in any text."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" + SECRET_KEY[1:])
    with pytest.raises(StorageUnavailable, match=r"refuses the credentials .*check the keys") as caught:
        use(storage_at(s3, tmp_path))
    told = texts_of(caught.value)
    for secret in (SECRET_KEY[1:], ACCESS_KEY, "Signature=", "AWS4", s3.endpoint):
        assert secret not in told


def test_a_missing_bucket_is_told(tmp_path: Path, s3: S3Server) -> None:
    """A bucket that does not exist is named as the cause by what a process does first."""
    storage = open_storage("s3://bucket-of-nobody/x", s3.options(tmp_path))
    for use in (lambda: storage.create("a", b""), lambda: storage.read("a", 1), lambda: list(storage.list("a"))):
        with pytest.raises(StorageUnavailable, match="the bucket does not exist"):
            use()
    with pytest.raises(StorageUnavailable, match="the bucket does not exist"):
        require_exclusive_creation(storage)


def test_an_unreachable_store_is_told_in_time(tmp_path: Path, s3: S3Server) -> None:
    """Where nobody listens, the setting is named as soon as the tries are over."""
    options = replace(s3.options(tmp_path), endpoint=f"http://127.0.0.1:{free_port()}", retry_seconds=0.3)
    with pytest.raises(StorageUnavailable, match="BULKVERIFY_STORAGE_ENDPOINT") as caught:
        open_storage("s3://bucket/x", options).read("a", 1)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("status code: 507 Insufficient Storage", StorageFull),
        ("status code: 403 Forbidden: <Code>QuotaExceeded</Code>", StorageFull),
        ("status code: 403 Forbidden: <Code>RequestTimeTooSkewed</Code>", StorageUnavailable),
        ("status code: 500 Internal Server Error: <Code>InternalError</Code> s3cr3t", StorageUnavailable),
        ("error sending request for url (http://x/?X-Amz-Signature=s3cr3t)", StorageUnavailable),
    ],
)
def test_a_stores_answer_becomes_words(text: str, error: type[StorageError]) -> None:
    """Status and code are all that is taken over from the library's text."""
    explained = from_library(RuntimeError(text), "write", "u/x")
    assert type(explained) is error
    assert str(explained).startswith("storage could not write 'u/x': ")
    assert "s3cr3t" not in str(explained)


def test_a_missing_object_is_no_outage() -> None:
    """A name that nothing has is `NotFound`."""
    assert type(from_library(FileNotFoundError("<Code>NoSuchKey</Code>"), "open", "u/x")) is NotFound


def test_a_store_that_ignores_conditions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that lets everybody create the same object is told before anything is spent."""
    for name, value in S3_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with UnconditionalStore() as store:
        storage = open_storage("s3://bucket/x", CloudOptions(endpoint=store.endpoint, spool_folder=tmp_path))
        with pytest.raises(StorageUnsafe, match=r"4 of 4 callers .*If-None-Match"):
            require_exclusive_creation(storage)


def test_a_store_that_keeps_the_promise_is_taken(tmp_path: Path, s3: S3Server) -> None:
    """The trial leaves nothing behind."""
    storage = storage_at(s3, tmp_path)
    require_exclusive_creation(storage)
    assert list(storage.list()) == []


#: A process opens storage, uses it first where it is told to, and forks two as a worker's master does.
FORKING = """
import os, sys
from worker.storage import CloudOptions, StorageError, open_storage
storage = open_storage(sys.argv[1], CloudOptions(endpoint=sys.argv[2]))
if sys.argv[3] == "used":
    storage.create("first", b"x")
children = []
for number in range(2):
    child = os.fork()
    if not child:
        try:
            told = str(storage.create(f"by/{number}", b"x"))
        except StorageError as error:
            told = str(error)
        # In one piece, beside the other child's.
        os.write(1, f"{told}\\n".encode())
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
print(sorted(storage.list()))
"""


@pytest.mark.parametrize(
    ("before", "told", "there"),
    [
        ("unused", {"True"}, ["by/0", "by/1"]),
        ("used", {"storage cannot be used by this process"}, ["first"]),
    ],
)
def test_forked_processes_use_storage_or_are_told_why_not(
    s3: S3Server, before: str, told: set[str], there: list[str]
) -> None:
    """Processes forked before storage was used can use it; those forked later are refused and do not hang."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING, f"s3://{s3.new_bucket()}", s3.endpoint, before],
        cwd=ROOT,
        env={**os.environ, **S3_ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *children, last = done.stdout.splitlines()
    assert {line.partition(",")[0] for line in children} == told
    assert len(children) == 2
    assert last == repr(there)


def test_a_link_leads_to_the_object_for_its_time(tmp_path: Path, s3: S3Server) -> None:
    """Anybody can fetch the object by the link, nobody without its signature, and no sink shows that."""
    storage = storage_at(s3, tmp_path)
    storage.create("results/u/result.csv", b"a,b\n")
    link = storage.link("results/u/result.csv", 60)
    assert link is not None
    answer = requests.get(link, timeout=10)
    assert (answer.content, answer.headers["Content-Type"].partition(";")[0]) == (b"a,b\n", "text/csv")
    assert requests.get(link.partition("?")[0], timeout=10).status_code == 403
    for text in (link, json.dumps({"url": link}), repr([link]), link.replace("&", "&amp;")):
        shown = redactor.redact(text)
        for secret in (link.partition("X-Amz-Signature=")[2], ACCESS_KEY):
            assert secret not in shown


def test_files_have_no_links(tmp_path: Path) -> None:
    """A folder gives no link."""
    assert open_storage(tmp_path.as_uri()).link("a", 60) is None


def test_keys_may_be_in_files(tmp_path: Path) -> None:
    """Each credential may be given as the name of a file that holds it, and is known to the redactor."""
    file = tmp_path / "key"
    file.write_text(f" {SECRET_KEY}\n")
    given = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY_FILE": str(file)}
    assert credentials("s3", given) == {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    assert SECRET_KEY not in redactor.redact(f"key is {SECRET_KEY}")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "s3cr3t-one", "AWS_SECRET_ACCESS_KEY_FILE": "/x"}, "both set"),
        ({"AWS_SECRET_ACCESS_KEY_FILE": "/does/not/exist"}, "cannot be read"),
        ({"AWS_SECRET_ACCESS_KEY_FILE": os.devnull}, "is empty"),
    ],
)
def test_unusable_keys_are_told_by_the_variable(environ: dict[str, str], told: str) -> None:
    """The message names the variable and what to do, never a value."""
    with pytest.raises(InvalidCredentials, match=f"AWS_SECRET_ACCESS_KEY_FILE .*{told}") as caught:
        credentials("s3", environ)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("allowed", [False, True])
def test_nobody_on_the_way_reads_lists_unless_allowed(allowed: bool) -> None:
    """Plain HTTP goes to this host only, or where the operator allows it."""
    options = CloudOptions(endpoint="http://s3.example.com", allow_http=allowed)
    if allowed:
        assert open_storage("s3://bucket/x", options).url("a") == "s3://bucket/x/a"
        return
    with pytest.raises(InvalidUrl, match="BULKVERIFY_STORAGE_ALLOW_HTTP"):
        open_storage("s3://bucket/x", options)


@pytest.mark.parametrize(
    "url", ["az://container/x", "gs://bucket/x", "s3://bucket"], ids=["azure", "google", "no prefix"]
)
def test_every_sort_of_store_has_addresses(url: str) -> None:
    """Names and addresses lead to each other without a word to the store."""
    storage = open_storage(url)
    assert storage.name_of(storage.url("inputs/list.csv")) == "inputs/list.csv"
    assert storage.url("a") == f"{url}/a"


@pytest.mark.parametrize(
    ("fault", "expected"), [("full", StorageFull), ("gone", StorageUnavailable)], ids=["full disk", "no folder"]
)
def test_a_machine_that_cannot_keep_a_copy_is_waited_for(
    tmp_path: Path, s3: S3Server, fault: str, expected: type[StorageError]
) -> None:
    """What keeps a copy from being written is told as storage's own failures are, and never as a lost object."""
    storage, folder = storage_at(s3, tmp_path), tmp_path / "step"
    storage.create("uploads/a", b"x" * 100_000)
    if fault == "full":
        folder.mkdir()
        (folder / "uploads_a").symlink_to("/dev/full")
    with pytest.raises(expected, match=r"could not keep a local copy of 'uploads/a'.*BULKVERIFY_HOME") as caught:
        local_file(storage, "uploads/a", folder)
    assert caught.value.retryable

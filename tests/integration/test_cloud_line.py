"""The whole line with its storage in an object store: the same result as from a folder, and workers that share it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import requests

from producers.client import Client
from producers.errors import Rejected
from tests.builders.installation import Installation
from tests.builders.line import Line, accounts_file, running_line
from tests.builders.loopback_providers import running_providers
from worker.actors import prepare, submit
from worker.actors.names import manifest_name, result_name, staging_folder
from worker.retention.cleaning import Cleaner
from worker.rows.manifest import Manifest
from worker.storage import exists
from worker.store.retention import Retention

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.s3_server import S3Server
    from worker.providers.port import Submission, Submitted

LIST = "name;email\nAnn;ann@example.com\nBob;bob@example.com\nNobody;\nAnn again;ann@example.com\n"
VALUES = "ann@example.com\nbob@example.com\n"
UPLOAD = "crm-1"
#: Parts of one value each, so that every worker has something to do.
ONE_ROW_PARTS = "max_part_rows = 1"


def verified(line: Line) -> bytes:
    """The result of a list that the line has verified."""
    line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id=UPLOAD)
    line.finish(UPLOAD)
    upload = line.upload(UPLOAD)
    assert (upload.state, upload.reason) == ("completed", "")
    with line.plant.context.storage.open(result_name(UPLOAD)) as file:
        return file.read()


def without_times(result: bytes) -> bytes:
    """A result without the moments at which its values were checked."""
    return re.sub(rb"20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+", b"TIME", result)


def test_a_result_in_an_object_store_is_that_of_a_folder(
    tmp_path: Path, redis_url: str, broker_url: str, s3: S3Server
) -> None:
    """Where storage is changes no byte of the result, and nothing of the line but the addresses."""
    results = []
    for name, where in (("folder", {}), ("store", s3.settings())):
        (tmp_path / name).mkdir()
        with running_line(tmp_path / name, redis_url, broker_url, **where) as line:
            results.append(verified(line))
            storage = line.plant.context.storage
            manifest = Manifest.model_validate_json(storage.read(manifest_name(UPLOAD), 100_000))
            assert manifest.counts.rows == 4
            line.plant.context.store.client.flushdb()
    assert results[0].count(b"\n") == 5
    assert without_times(results[1]) == without_times(results[0])


def test_a_list_in_the_store_is_verified_from_there(
    tmp_path: Path, redis_url: str, broker_url: str, s3: S3Server
) -> None:
    """An application names an object below `inputs`; one outside, and one that is not there, are refused by name."""
    with running_line(tmp_path, redis_url, broker_url, **s3.settings()) as line:
        storage = line.plant.context.storage
        storage.create("inputs/crm/list.csv", LIST.encode())
        upload_id = line.client.submit(
            url=storage.url("inputs/crm/list.csv"), account="ipqs-main", kind="email", upload_id=UPLOAD
        )
        line.intake.read()
        line.finish(upload_id)
        assert line.upload(upload_id).rows == 4
        refused = []
        for number, name in enumerate(("results/list.csv", "inputs/none.csv")):
            refused_id = line.client.submit(
                url=storage.url(name), account="ipqs-main", kind="email", upload_id=f"refused-{number}"
            )
            line.intake.read()
            with pytest.raises(Rejected) as caught:
                line.client.wait(refused_id, timeout_seconds=5)
            refused.append(caught.value.reason)
        assert refused == ["url_outside_storage", "not_found"]


def test_workers_that_share_a_store_do_a_list_together(tmp_path: Path, s3: S3Server) -> None:
    """Two workers, a poller and intake have nothing in common but Redis and the store; each part is charged once."""
    with running_providers(tmp_path) as providers:
        accounts = accounts_file(tmp_path, providers.server.base_url, more=ONE_ROW_PARTS)
        installation = Installation(tmp_path / "installation", accounts_file=accounts, **s3.settings())
        try:
            installation.start("--scale", "worker=2")
            rows = [f"reader{number}@example.com" for number in range(8)]
            path = installation.list_file("list.csv", "email", *rows)
            with Client(installation.redis_url) as client:
                client.submit(path, account="ipqs-main", kind="email", upload_id=UPLOAD)
            with installation.records() as records:
                records.wait_for_parts("submitted", len(rows), UPLOAD)
                providers.finish_jobs()
                records.wait_for_uploads("completed", UPLOAD)
                assert providers.charges == records.spent(UPLOAD)
                assert len(providers.charges) == len(rows)
            linked = json.loads(installation.told(0, "result", UPLOAD, "--link", "--seconds", "60", "--json"))
            found = requests.get(linked["links"]["result"], timeout=10).text.splitlines()
            assert [line.partition(",")[0] for line in found] == ["email", *rows]
            assert requests.get(linked["links"]["manifest"], timeout=10).json()["upload_id"] == UPLOAD
            link = installation.told(0, "result", UPLOAD, "--link").strip()
            assert requests.get(link, timeout=10).ok
            with installation.records() as records:
                assert "X-Amz-Signature" not in everything_in(records.store.client)
            assert "X-Amz" not in "".join(map(str, installation.log()))
            assert (installation.stop(), installation.running()) == (0, [])
        finally:
            installation.clean_up()


def everything_in(client: object) -> str:
    """All values of a Redis database as one text."""
    dumped = (client.dump(key) for key in client.scan_iter())  # type: ignore[attr-defined]  # redis-py's, whatever its decoding
    return repr([*dumped])


def test_staged_files_of_an_ended_upload_are_removed_from_the_store(
    tmp_path: Path, redis_url: str, broker_url: str, s3: S3Server
) -> None:
    """When their time is over the staged objects are gone, and the result and the attempts stay."""
    with running_line(tmp_path, redis_url, broker_url, staging_days=0.0, **s3.settings()) as line:
        verified(line)
        context = line.plant.context
        cleaner = Cleaner(context.store, context.storage, Retention(context.store), line.settings)
        assert list(context.storage.list(staging_folder(UPLOAD)))
        assert cleaner.remove_staged() > 0
        assert not list(context.storage.list(staging_folder(UPLOAD)))
        assert exists(context.storage, result_name(UPLOAD))
        assert list(context.storage.list("attempts"))
        assert (cleaner.walk_staging(), cleaner.walk_attempts(), cleaner.remove_leftovers()) == (0, 0, 0)


def test_a_provider_pulls_the_parts_of_a_list_by_links(
    tmp_path: Path, redis_url: str, broker_url: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part's own values are pulled by a link that is made for it and kept nowhere, for one charge each."""
    with running_line(tmp_path, redis_url, broker_url, account_lines=ONE_ROW_PARTS, **s3.settings()) as line:
        seen: list[Submission] = []
        provider = line.plant.context.accounts["ipqs-main"].provider
        send = provider.submit

        def watched(submission: Submission) -> Submitted:
            seen.append(submission)
            return send(submission)

        monkeypatch.setattr(provider, "submit", watched, raising=False)
        line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id=UPLOAD, method="pull")
        line.finish(UPLOAD)
        assert line.upload(UPLOAD).state == "completed"
        assert [submission.method for submission in seen] == ["pull", "pull"]
        assert all("X-Amz-Signature=" in (submission.url or "") for submission in seen)
        assert [charge.rows for charge in line.ipqs.ledger] == [1, 1]
        context = line.plant.context
        assert "X-Amz" not in everything_in(context.store.client)
        for name in context.storage.list():
            assert b"X-Amz" not in context.storage.read(name, 1_000_000)


def test_a_provider_on_the_internet_is_given_no_link_in_plain_http(
    tmp_path: Path, redis_url: str, broker_url: str, s3: S3Server
) -> None:
    """It could not follow one: such a request is rejected, and a part that was accepted before fails unspent."""
    with running_line(tmp_path, redis_url, broker_url, start=False, **s3.settings()) as line:
        context, path = line.plant.context, line.file("list.csv", LIST)
        line.submit(path, "ipqs-main", upload_id=UPLOAD, method="pull")
        prepare.run(context, UPLOAD, line.upload(UPLOAD).epoch)
        connected = context.accounts["ipqs-main"]
        public = connected.account.model_copy(update={"base_url": "https://provider.example/api"})
        object.__setattr__(connected, "account", public)
        line.submit(path, "ipqs-main", upload_id="crm-2", method="pull")
        with pytest.raises(Rejected, match="gives no links that it could follow") as caught:
            line.client.wait("crm-2", timeout_seconds=5)
        assert (caught.value.reason, context.store.upload("crm-2")) == ("method_unsupported", None)
        (part,) = line.parts(UPLOAD)
        submit.run(context, part.part_id, part.epoch)
        (failed,) = line.parts(UPLOAD)
        assert (failed.state, failed.reason, failed.attempts) == ("failed", "method_unsupported", 0)
        assert not list(context.storage.list("attempts"))

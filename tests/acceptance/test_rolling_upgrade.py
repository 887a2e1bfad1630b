"""Two versions of the program at work on one Redis: what the newer one wrote is its own, and nothing is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from producers.exit_codes import ExitCode
from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS
from tests.builders.line import running_line
from tests.builders.next_version import FIELD, VALUE
from tests.builders.rolling import next_version_beside
from tests.builders.site import EMAILS, IPS, SEVERAL_PARTS, running_site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.installation import Installation
    from worker.store.store import Store

ACCOUNTS = ("ipqs-main", "whoisxml-main")


def fields(store: Store, *words: str) -> dict[str, Any]:
    """A record as it lies in Redis."""
    found: dict[str, Any] = json.loads(str(store.client.get(store.key(*words))))
    return found


def version_of(store: Store, *words: str) -> int:
    """The schema version of a record; 0 when there is none."""
    return int(fields(store, *words)["schema_version"]) if store.client.exists(store.key(*words)) else 0


def left_alone(installation: Installation) -> list[str]:
    """Why processes of the present version left something alone."""
    return [entry["why"] for entry in installation.log() if entry["event"] == "left_alone"]


def submitted(store: Store) -> int:
    """Parts that are at their provider, whichever version wrote them."""
    client: Any = store.client
    names = [name for name in client.smembers(store.key("indexes")) if name.startswith("part:")]
    return sum(client.zcard(store.key("index", name)) for name in names if name.endswith(":submitted"))


@pytest.mark.processes
def test_uploads_travel_through_two_versions_at_once(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The older processes put off what the newer ones wrote, who finish everything; nothing is paid twice or fails."""
    quick: dict[str, Any] = {"reconcile_period_seconds": 1, "safety_look_seconds": 1}
    with running_site(tmp_path, redis_url=redis_url, broker_url=broker_url, **quick) as site:
        store = site.records.store
        client: Any = store.client
        before = site.submit_several()
        site.records.wait_for_parts("submitted", SEVERAL_PARTS, *before)
        with next_version_beside(site.installation) as newer:
            during = (
                site.submit("during-ips", "ipqs-main", "proxy", *IPS),
                site.submit("during-emails", "whoisxml-main", "email", *EMAILS[:9]),
            )
            wait_until(
                lambda: (
                    submitted(store) == SEVERAL_PARTS + len(during)
                    and all(version_of(store, "account", name) == 2 for name in ACCOUNTS)
                ),
                seconds=WORK_SECONDS,
                what="every part at its provider, and both accounts in the hands of the newer version",
            )
            # Alone, the older processes wait, and none can be started.
            newer.pause()
            site.providers.finish_jobs()
            refused = site.installation.run("run", "worker")
            assert refused.returncode == ExitCode.USAGE
            assert "written by a later version of bulkverify (schema version 2" in refused.stderr
            assert submitted(store) == SEVERAL_PARTS + len(during)
            assert "later" in left_alone(site.installation)
            newer.resume()
            uploads = (*before, *during)
            wait_until(
                lambda: all(fields(store, "upload", upload_id)["state"] == "completed" for upload_id in uploads),
                seconds=WORK_SECONDS,
                what="every upload completed",
            )
        parts = [fields(store, *key.split(":")[1:]) for key in sorted(client.keys(store.key("part", "*")))]
        assert [part["state"] for part in parts] == ["collected"] * (SEVERAL_PARTS + len(during))
        assert sorted((part["provider"], part["remote_id"], part["rows"]) for part in parts) == site.providers.charges
        migrated = [part for part in parts if part["upload_id"] in before]
        migrated += [fields(store, "upload", upload_id) for upload_id in before]
        assert all((record["schema_version"], record[FIELD]) == (2, VALUE) for record in migrated)
        for upload_id, rows in (("during-ips", IPS), ("during-emails", EMAILS[:9]), (before[0], EMAILS)):
            site.assert_verified(upload_id, *rows)


def test_what_a_newer_release_added_survives_the_older_one(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A field that a release of the same schema version wrote into an upload is there when the upload is completed."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        line.submit(line.file("list.csv", "email\none@example.com\n"), "ipqs-main", upload_id="one")
        store = line.plant.context.store
        added = fields(store, "upload", "one") | {FIELD: VALUE}
        store.client.set(store.key("upload", "one"), json.dumps(added))
        line.start_worker()
        line.finish("one")
        assert fields(store, "upload", "one")[FIELD] == VALUE
        assert line.upload("one").state == "completed"

"""The settings by topic. A group's docstring is its heading in the documentation; `config.settings` puts them together.

Each field carries its meaning, unit, bounds and example: the documentation and every error text are made from them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from config import redis_urls, storage_urls
from config.endpoints import checked_place
from config.fields import Doc

if TYPE_CHECKING:
    from collections.abc import Mapping


def _absolute(path: Path) -> Path:
    try:
        expanded = path.expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, but this host knows no home folder for it") from None
    return Path(os.path.abspath(expanded))  # noqa: PTH100 - resolve() would follow links that change later


def _split_roots(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever it was given
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


def _split_list(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever it was given
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _lower(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever it was given
    return value.lower() if isinstance(value, str) else value


def _redis_url(url: str | None) -> str | None:
    return None if url is None else redis_urls.checked(url)


def _default_broker_url(validated: Mapping[str, Any]) -> str | None:
    redis_url: str | None = validated["redis_url"]
    return redis_url and redis_urls.next_database(redis_url)


def _default_storage_url(validated: Mapping[str, Any]) -> str:
    home: Path = validated["home"]
    return (home / "storage").as_uri()


def _default_input_roots(validated: Mapping[str, Any]) -> tuple[Path, ...]:
    inputs: Path = validated["home"] / "inputs"
    current = _current_folder()
    return (inputs,) if current is None else (inputs, current)


def _current_folder() -> Path | None:
    """Where this process runs; `None` for a user's whole home and anything above it, and when either is unknown."""
    try:
        current, user_home = Path.cwd(), Path.home()
    except (OSError, RuntimeError):
        return None
    return None if current in {user_home, *user_home.parents} else current


def _default_log_format() -> Literal["console", "json"]:
    return "console" if sys.stderr.isatty() else "json"


Folder = Annotated[Path, AfterValidator(_absolute)]
RedisUrl = Annotated[str | None, AfterValidator(_redis_url)]


class Places(BaseModel):
    """Where things are."""

    home: Annotated[
        Folder,
        Doc("Folder of everything this installation keeps", "folder", "/var/lib/bulkverify", "the user's data folder"),
    ] = Field(default_factory=lambda: platformdirs.user_data_path("bulkverify"))
    redis_url: Annotated[
        RedisUrl,
        Doc(
            "Redis server and logical database of all records",
            "URL (redis://, rediss://, unix://)",
            "redis://127.0.0.1:6379/0",
            "a private server, kept in HOME",
        ),
    ] = Field(default=None, repr=False)
    broker_url: Annotated[
        RedisUrl,
        Doc(
            "Redis server and logical database of the queues; flushing it costs time and nothing else",
            "URL (redis://, rediss://, unix://)",
            "redis://127.0.0.1:6379/1",
            "the database after REDIS_URL's, on the same server",
        ),
    ] = Field(default_factory=_default_broker_url, repr=False)
    redis_timeout_seconds: Annotated[
        float, Doc("Longest wait for one answer of Redis", "seconds"), Field(ge=0.1, le=60)
    ] = 5.0
    storage_url: Annotated[
        str,
        Doc(
            "Where attempt records, staged lists and results are kept; every process must reach it",
            "URL (file://, s3://, az://, gs://)",
            "file:///var/lib/bulkverify/storage",
            "HOME/storage",
        ),
        AfterValidator(storage_urls.checked),
    ] = Field(default_factory=_default_storage_url)
    input_roots: Annotated[
        tuple[Folder, ...],
        NoDecode,
        BeforeValidator(_split_roots),
        Doc(
            "Folders that lists named by `path` are read from, with all below them",
            "folders, joined as in PATH",
            "/srv/lists:/srv/uploads",
            "HOME/inputs, and the current folder unless that is a user's home or above it",
        ),
        Field(min_length=1, max_length=100),
    ] = Field(default_factory=_default_input_roots)
    pull_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(checked_place)], ...],
        NoDecode,
        BeforeValidator(_split_list),
        Doc(
            "Hosts that lists named by `remote_url` are read from, over https; without a port, the usual one is meant",
            "host names or host:port, joined by commas",
            "files.example.com,lists.example.com:8443",
            "none",
        ),
        Field(max_length=100),
    ] = ()
    accounts_file: Annotated[
        Folder, Doc("File that names the accounts", "file", "/etc/bulkverify/accounts.toml", "HOME/accounts.toml")
    ] = Field(default_factory=lambda validated: validated["home"] / "accounts.toml")
    installation_id: Annotated[
        str,
        Doc(
            "Name of this installation, part of every token: unlike any other on the same account, and never changed "
            "while jobs are open",
            "1 to 40 of A-Z a-z 0-9 _ -",
            "production",
        ),
        Field(pattern=r"^[A-Za-z0-9_-]{1,40}$"),
    ] = "default"


class Watching(BaseModel):
    """Logs and metrics."""

    log_format: Annotated[
        Literal["console", "json"],
        BeforeValidator(_lower),
        Doc("How log events are written", "word", "json", "console on a terminal, else json"),
    ] = Field(default_factory=_default_log_format)
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(_lower),
        Doc("Least severe events that are logged", "word"),
    ] = "info"
    metrics_host: Annotated[
        str,
        Doc("Address at which the exporter serves metrics and health", "host name or address"),
        Field(pattern=r"^[A-Za-z0-9_.:-]{1,253}$"),
    ] = "127.0.0.1"
    metrics_port: Annotated[int, Doc("Port of the exporter; 0 takes any free one", "port"), Field(ge=0, le=65_535)] = (
        9464
    )
    metrics_dir: Annotated[
        Folder,
        Doc(
            "Folder that processes share their metrics in; `up` empties it when it starts",
            "folder",
            "/run/bulkverify/metrics",
            "HOME/metrics",
        ),
    ] = Field(default_factory=lambda validated: validated["home"] / "metrics")


class Polling(BaseModel):
    """Looking at remote jobs."""

    poll_floor_seconds: Annotated[
        float, Doc("Shortest wait between two looks at a remote job", "seconds"), Field(gt=0, le=3600)
    ] = 5.0
    poll_cap_seconds: Annotated[
        float, Doc("Longest wait between two looks at a remote job", "seconds"), Field(gt=0, le=86_400)
    ] = 900.0
    poll_epsilon: Annotated[
        float,
        Doc("How late the end of a job may be noticed, relative to the time it ran", "fraction"),
        Field(gt=0, le=1),
    ] = 0.1
    missing_job_seconds: Annotated[
        float,
        Doc("How long the provider may not show a job that it has accepted before a person is asked", "seconds"),
        Field(gt=0, le=30 * 86_400),
    ] = 86_400.0
    second_download_seconds: Annotated[
        float,
        Doc("How long to wait until a result that does not hold what was sent is downloaded once more", "seconds"),
        Field(gt=0, le=86_400),
    ] = 60.0
    poll_slack_seconds: Annotated[
        float, Doc("Parts due within this time ride along with those that are due", "seconds"), Field(ge=0, le=600)
    ] = 2.0
    reconcile_period_seconds: Annotated[
        float, Doc("Time between two walks over an account's remote list", "seconds"), Field(ge=1, le=86_400)
    ] = 900.0


class Submitting(BaseModel):
    """Submitting, the only step that spends."""

    submit_deadline_seconds: Annotated[
        float, Doc("Longest submit: connection, whole body and answer together", "seconds"), Field(ge=1, le=7200)
    ] = 900.0
    lease_margin_seconds: Annotated[
        float, Doc("How much longer than its deadline a submit's lease lasts", "seconds"), Field(gt=0, le=3600)
    ] = 60.0
    settle_seconds: Annotated[
        float,
        Doc(
            "How long after an unresolved submit its job may still appear at the provider; longer than any idle "
            "timeout on the way there",
            "seconds",
        ),
        Field(ge=0, le=86_400),
    ] = 600.0
    settle_unnamed_seconds: Annotated[
        float,
        Doc("The same where the remote list does not show the names that were given", "seconds"),
        Field(ge=0, le=86_400),
    ] = 1800.0
    clock_skew_seconds: Annotated[
        float, Doc("How far a provider's clock may be from the one of Redis", "seconds"), Field(ge=0, le=86_400)
    ] = 300.0
    search_seconds_max: Annotated[
        float,
        Doc("How long the job of an unresolved submit is searched for before a person is asked", "seconds"),
        Field(ge=1, le=30 * 86_400),
    ] = 21_600.0


class Working(BaseModel):
    """Processes, leases and the timekeeper."""

    worker_threads: Annotated[int, Doc("Threads of a worker process", "threads"), Field(ge=1, le=256)] = 8
    poller_threads: Annotated[int, Doc("Threads of a poller process", "threads"), Field(ge=1, le=256)] = 8
    work_lease_seconds: Annotated[
        float,
        Doc("Lease of a prepare, collect or deliver step; renewed while the step lasts", "seconds"),
        Field(gt=0, le=3600),
    ] = 30.0
    crashes_max: Annotated[
        int, Doc("Crashes of one step without progress before it is quarantined", "crashes"), Field(ge=1, le=1000)
    ] = 5
    shutdown_seconds: Annotated[
        float, Doc("Time that running steps get to end at shutdown", "seconds"), Field(ge=1, le=3600)
    ] = 25.0
    timekeeper_period_seconds: Annotated[
        float, Doc("Time between two moves of due hints to their queues", "seconds"), Field(ge=0.01, le=10)
    ] = 0.2
    rearm_grace_seconds: Annotated[
        float, Doc("How overdue a work item must be before its hint is sent again", "seconds"), Field(gt=0, le=3600)
    ] = 5.0
    rearm_period_seconds: Annotated[
        float,
        Doc("How long an overdue work item is left alone after its hint was sent again", "seconds"),
        Field(gt=0, le=3600),
    ] = 30.0
    safety_look_seconds: Annotated[
        float,
        Doc("When a running upload is looked at though none of its parts has ended meanwhile", "seconds"),
        Field(gt=0, le=86_400),
    ] = 3_600.0

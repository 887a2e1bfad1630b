"""How each fault is brought about. A strike returns when the fault itself is over: what follows is recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.chaos.redis_server import BROKER_DB, STATE_DB
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.builders.chaos.site import ChaosSite

#: Seconds that Redis is frozen, and that a disk is full.
REDIS_FROZEN_SECONDS = 10.0
DISK_FULL_SECONDS = 3.0
#: Seconds between the copy of the append-only files and the loss of what came after it.
COPY_AGE_SECONDS = 2.0
#: Seconds that Redis is away between its death and its next start.
REDIS_AWAY_SECONDS = 1.0
#: Seconds of silence that no submit waits for, as its deadline comes before.
SILENCE_SECONDS = 5.0
#: An answer of some 150 bytes takes about one second: long enough to strike in the middle of a submit.
SLOW_ANSWER = {"piece_bytes": 8, "pause_seconds": 0.05}
#: Seconds that a submit gets to meet the fault that waits for it.
SUBMIT_SECONDS = 5.0
#: Uploads, completed or not, that are asked for again after everything was forgotten.
ASKED_AGAIN = 5

PROVIDERS = ("ipqs", "whoisxml")
#: The provider has accepted, and charged: its answer is not what it should be.
ANSWERS_LOST = ("answer_lost", "answer_reset", "answer_hang", "answer_http_502", "answer_html", "truncate")
#: The provider has accepted nothing, which nobody can know.
NOT_PERFORMED = ("reset", "hang", "http_500", "http_503", "html_block")
#: Calls that only read, with what can go wrong in each.
READS = {
    "ipqs": ("status", "list", "download"),
    "whoisxml": ("status", "list", "completed", "failed"),
}
READS_BROKEN = ("answer_lost", "truncate", "http_500", "http_503", "html_block", "reset")


def _intake_killed(site: ChaosSite) -> None:
    site.kill(site.pick("intake"))


def _worker_killed(site: ChaosSite) -> None:
    site.kill(site.pick("worker"))


def _workers_killed_in_submit(site: ChaosSite) -> None:
    site.pick("worker")
    _catch_a_submit(site)
    for pid in site.pids("worker"):
        site.kill(pid)


def _poller_killed(site: ChaosSite) -> None:
    site.kill(site.pick("poller"))


def _exporter_killed(site: ChaosSite) -> None:
    site.kill(site.pick("exporter"))


def _supervisor_killed(site: ChaosSite) -> None:
    site.installation.kill_supervisor()


def _worker_frozen(site: ChaosSite) -> None:
    pid = site.pick("worker")
    _catch_a_submit(site)
    site.freeze_for_long(next(_submitting(site), pid))


def _poller_frozen(site: ChaosSite) -> None:
    site.freeze_for_long(site.pick("poller"))


def _redis_frozen(site: ChaosSite) -> None:
    _perhaps_catch_a_submit(site)
    site.redis.freeze()
    try:
        site.load.go_on(REDIS_FROZEN_SECONDS)
    finally:
        site.redis.thaw()


def _redis_killed(site: ChaosSite) -> None:
    _perhaps_catch_a_submit(site)
    site.redis.kill()
    site.load.go_on(REDIS_AWAY_SECONDS)
    site.redis.start()


def _redis_restored(site: ChaosSite) -> None:
    site.redis.keep_copy()
    site.load.go_on(COPY_AGE_SECONDS)
    _perhaps_catch_a_submit(site)
    site.redis.kill()
    site.redis.restore_copy()
    site.redis.start()


def _broker_flushed(site: ChaosSite) -> None:
    site.redis.flush(BROKER_DB)


def _everything_flushed(site: ChaosSite) -> None:
    _perhaps_catch_a_submit(site)
    site.redis.flush(STATE_DB, BROKER_DB)
    for wanted in site.chance.sample(site.load.wanted, min(ASKED_AGAIN, len(site.load.wanted))):
        site.load.ask_again(wanted)


def _disk_full(site: ChaosSite) -> None:
    _perhaps_catch_a_submit(site)
    site.disk.fill()
    try:
        site.load.go_on(DISK_FULL_SECONDS)
    finally:
        site.disk.free()


def _submit_answers_lost(site: ChaosSite) -> None:
    _break_submits(site, ANSWERS_LOST)


def _submits_not_performed(site: ChaosSite) -> None:
    _break_submits(site, NOT_PERFORMED)


def _reads_broken(site: ChaosSite) -> None:
    for provider, operations in READS.items():
        for operation in operations:
            kind = site.chance.choice(READS_BROKEN)
            site.sandbox.break_next(provider, operation, kind, after_bytes=site.chance.randrange(100))
    site.load.go_on(REDIS_AWAY_SECONDS)


def _break_submits(site: ChaosSite, kinds: tuple[str, ...]) -> None:
    """Break one submit at each provider; return when both were met."""
    for provider in PROVIDERS:
        kind, after_bytes = site.chance.choice(kinds), site.chance.randrange(100)
        site.sandbox.break_next(provider, "submit", kind, seconds=SILENCE_SECONDS, after_bytes=after_bytes)
    _until_met(site, *PROVIDERS)


def _perhaps_catch_a_submit(site: ChaosSite) -> None:
    """Every other time strike in the middle of a submit, else wherever things are."""
    if site.chance.random() < 0.5:
        _catch_a_submit(site)


def _catch_a_submit(site: ChaosSite) -> None:
    """Return while a submit that the provider has accepted waits for its answer."""
    provider = site.chance.choice(PROVIDERS)
    site.sandbox.break_next(provider, "submit", "drip", **SLOW_ANSWER)
    _until_met(site, provider)


def _submitting(site: ChaosSite) -> Iterator[int]:
    """Process ids of the workers that are submitting now, as the leases of their parts name them."""
    working = site.pids("worker")
    with site.installation.records() as records:
        for part in records.parts(*(wanted.upload_id for wanted in site.load.moving)):
            if part.state is PartState.INTENT and part.lease is not None:
                _, pid, _ = part.lease.owner.rsplit(":", 2)
                if int(pid) in working:
                    yield int(pid)


def _until_met(site: ChaosSite, *providers: str) -> None:
    """Return when every fault that waits at the providers was met, or one that was not is left to wait for its call."""
    site.load.reached(
        lambda: not any(site.sandbox.faults_left(provider) for provider in providers), seconds=SUBMIT_SECONDS
    )


#: Every strike by the name of its fault in `tests.builders.faults_told`.
STRIKES: dict[str, Callable[[ChaosSite], None]] = {
    "intake_killed": _intake_killed,
    "worker_killed": _worker_killed,
    "workers_killed_in_submit": _workers_killed_in_submit,
    "poller_killed": _poller_killed,
    "exporter_killed": _exporter_killed,
    "supervisor_killed": _supervisor_killed,
    "worker_frozen": _worker_frozen,
    "poller_frozen": _poller_frozen,
    "redis_frozen": _redis_frozen,
    "redis_killed": _redis_killed,
    "redis_restored": _redis_restored,
    "broker_flushed": _broker_flushed,
    "everything_flushed": _everything_flushed,
    "disk_full": _disk_full,
    "submit_answers_lost": _submit_answers_lost,
    "submits_not_performed": _submits_not_performed,
    "reads_broken": _reads_broken,
}

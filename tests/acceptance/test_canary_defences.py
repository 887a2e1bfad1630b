"""Each thing that keeps secrets in is taken away in turn, and the search finds what then comes out.

A defence without a scene that needs it would be a defence nobody knows to work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

from config.redis_urls import next_database
from tests.builders.canary_cases import CASES
from tests.builders.canary_nursery import Nursery
from tests.builders.canary_patches import PATCHES
from tests.builders.canary_play import launched, played, with_password
from tests.builders.canary_scene import ACTS
from tests.builders.canary_sinks import Reading
from tests.builders.canary_site import PLAIN_IPQS, PLAIN_WHOISXML, Keys, a_canarium
from worker.broker.sorted_set import DELAYED_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Weakened:
    """What is taken away, the scenes in which it is needed, and the places in which secrets then are."""

    without: tuple[str, ...]
    #: What a hit is about, as `sink: place: secret`, each in part.
    leaks: tuple[str, ...]
    cases: Mapping[str, str] = field(default_factory=dict)
    acts: tuple[str, ...] = ()
    keys: Keys = PLAIN_IPQS
    log_format: Literal["json", "console"] = "json"

    def __str__(self) -> str:
        """The test's name."""
        return ", ".join(self.without).replace(" ", "-")


#: Where two defences guard one place, both are taken away: one alone is enough.
WEAKENED = (
    Weakened(("collect crashes", "no log redaction"), ("output: stderr: IPQS key",), {"crash": ""}),
    Weakened(
        ("collect crashes", "no log redaction"),
        ("output: stderr: IPQS key",),
        {"crash": ""},
        log_format="console",
    ),
    Weakened(("loud libraries", "no log redaction"), ("output: stderr: IPQS key",), {"page-on-list": ""}),
    Weakened(("plain form only",), ("output: stderr: IPQS key",), acts=("forms are logged",), keys=PLAIN_WHOISXML),
    Weakened(("failed logging prints",), ("output: stderr: IPQS key",), acts=("logging fails",)),
    Weakened(
        ("no quotation",),
        (
            "records: string bulkverify:part:words-on-submit/0: IPQS key",
            "records: list bulkverify:timeline:words-on-submit: IPQS key",
            "records: string bulkverify:part:json-words/0: IPQS key",
            "records: string bulkverify:part:pull-words/0: IPQS key",
            "records: string bulkverify:part:w-words/0: WhoisXML key",
            "records: list bulkverify:timeline:odd-word: IPQS key",
        ),
        {"words-on-submit": "", "json-words": "", "pull-words": "", "w-words": "", "odd-word": ""},
    ),
    Weakened(
        ("URL in subject",),
        (
            "records: list bulkverify:timeline:page-on-submit: IPQS key",
            "records: list bulkverify:timeline:json-page-path: IPQS key",
            "records: list bulkverify:timeline:page-on-download: link token",
            "records: list bulkverify:timeline:segments-expired: link token",
        ),
        {"page-on-submit": "", "json-page-path": "", "page-on-download": "", "segments-expired": ""},
    ),
    Weakened(
        ("library text in errors",),
        ("records: list bulkverify:timeline:link-to-nobody: link token",),
        {"link-to-nobody": ""},
    ),
    Weakened(("errors chained",), ("output: stdout: IPQS key",), {"nobody-listens": ""}, ("error is printed",)),
    Weakened(
        ("redirects followed", "any link followed"),
        ("elsewhere: the wrong server: IPQS key", "elsewhere: the wrong server: link token"),
        {"redirect-reads": "", "link-elsewhere": "unavailable"},
    ),
    Weakened(
        ("rejections repeat",), ("records: stream bulkverify:rejected: IPQS key",), acts=("requests hold secrets",)
    ),
    Weakened(
        ("URLs kept whole",),
        ("records: stream bulkverify:rejected: URL secret",),
        acts=("requests hold secrets",),
    ),
    Weakened(("plain messages",), (f"messages: hash {DELAYED_KEYS[1]}: IPQS key",), acts=("message is retried",)),
    Weakened(
        ("URLs in repr", "keys in repr"),
        ("output: stdout: Redis password", "output: stdout: IPQS key"),
        acts=("configuration is printed",),
    ),
)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Yield what runs scenes and commands."""
    with Nursery() as nursery:
        yield nursery


@pytest.mark.parametrize("weakened", WEAKENED, ids=str)
def test_what_a_defence_keeps_in_comes_out_without_it(
    tmp_path: Path, nursery: Nursery, redis_url: str, broker_url: str, weakened: Weakened
) -> None:
    """A program that lacks the defence leaks into each place that it guards."""
    found = played(
        nursery,
        tmp_path,
        (redis_url, broker_url),
        weakened.keys,
        patches=weakened.without,
        cases=weakened.cases or {"good": ""},
        acts=weakened.acts,
        log_format=weakened.log_format,
    )
    leaks = {f"{hit.sink}: {hit.place}: {hit.secret}" for hit in found.hits}
    assert leaks >= set(weakened.leaks)


def test_with_every_defence_in_place_nothing_comes_out(
    tmp_path: Path, nursery: Nursery, redis_url: str, broker_url: str
) -> None:
    """All those scenes at once, and every other way to fail, leave no secret anywhere, however odd the key."""
    cases = {case.name: "" for case in CASES if case.name != "storage-in-the-way"}
    found = played(
        nursery,
        tmp_path,
        (redis_url, broker_url),
        PLAIN_WHOISXML,
        patches=["collect crashes"],
        cases=cases,
        acts=list(ACTS),
        log_format="console",
    )
    assert found.hits == []
    sinks = {place.partition(":")[0] for place in found.places}
    assert sinks >= {"output", "file", "file name", "records", "messages", "elsewhere"}


def test_every_patch_is_used() -> None:
    """No defence is left out by mistake."""
    commands = {"store crashes", "no redaction", "passwords shown"}
    assert {name for each in WEAKENED for name in each.without} | commands == set(PATCHES)


@pytest.mark.parametrize("patch", ["", "passwords shown", "no redaction", "passwords shown,no redaction"])
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_either_of_two_defences_keeps_a_password_out_of_a_command(
    tmp_path: Path, nursery: Nursery, redis_url: str, patch: str, more: tuple[str, ...]
) -> None:
    """`config check` masks the password of a Redis URL, and redacts what it prints; without both it is printed."""
    with a_canarium(tmp_path / "site", PLAIN_IPQS, CASES[:1]) as site:
        url = with_password(redis_url, PLAIN_IPQS.password)
        settings = {
            "BULKVERIFY_HOME": str(tmp_path),
            "BULKVERIFY_REDIS_URL": url,
            "BULKVERIFY_BROKER_URL": next_database(url),
            "BULKVERIFY_ACCOUNTS_FILE": str(site.accounts_file),
        }
        printed = launched(nursery, settings | site.environment, tmp_path, patch, "config", "check", *more)
    assert "BULKVERIFY_REDIS_URL" in printed["stdout"]
    assert bool(Reading(PLAIN_IPQS.canaries()).outputs(printed).hits) == (patch.count(",") == 1)


@pytest.mark.parametrize("patch", ["store crashes", "store crashes,no redaction"])
def test_a_defect_of_a_command_is_kept_without_secrets(
    tmp_path: Path, nursery: Nursery, redis_url: str, patch: str
) -> None:
    """What is kept of an error that nobody expected is redacted, and without that it holds the password."""
    url = with_password(redis_url, PLAIN_IPQS.password)
    settings = {"BULKVERIFY_HOME": str(tmp_path), "BULKVERIFY_REDIS_URL": url}
    printed = launched(nursery, settings, tmp_path, patch, "show", "anything")
    assert printed["exit code"] == "70"
    found = Reading(PLAIN_IPQS.canaries()).outputs(printed).files(tmp_path)
    assert "file: defects.log" in found.places
    assert {hit.place for hit in found.hits} == ({"defects.log"} if "," in patch else set())

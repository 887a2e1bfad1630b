"""What must hold when the chaos is over: one charge for each part, every row of every list, and an end for each upload.

Judged by what nobody under test can touch up: the providers' own ledgers, and the lists as they were asked for.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.builders.chaos.strikes import PROVIDERS
from worker.actors.names import manifest_name, result_name
from worker.core.part import LIMIT_REASONS
from worker.core.states import PART_TERMINAL, PartState
from worker.rows.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.builders.chaos.load import Wanted
    from tests.builders.chaos.site import ChaosSite
    from tests.builders.installation import Records
    from worker.core.records import PartRecord

#: What becomes of a row that was sent.
ANSWERED_ROWS = {"matched", "folded"}


@dataclass
class Findings:
    """What is wrong, each as a sentence, and the parts that wait for a person, each with its reason."""

    double_charges: list[str] = field(default_factory=list)
    lost_rows: list[str] = field(default_factory=list)
    not_ended: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    #: Uploads behind such a part: where names are not shown, one attempt of an account is open at a time.
    behind: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken."""
        return [*self.double_charges, *self.lost_rows, *self.not_ended]


class Audit:
    """Goes through everything that was asked for, once nothing moves any more."""

    def __init__(self, site: ChaosSite) -> None:
        self._site = site
        self.findings = Findings()
        #: Parts that own a remote id, by provider; and parts that wait for a person without one.
        self._owned: dict[str, Counter[str]] = {provider: Counter() for provider in PROVIDERS}
        self._without_id: Counter[str] = Counter()
        #: Accounts with a part that waits for a person.
        self._undecided: set[str] = set()

    def run(self) -> Findings:
        """Compare what was asked for with what is there, and with what was charged."""
        with self._site.installation.records() as records:
            for wanted in self._site.load.wanted:
                self._judge(wanted, records)
            for wanted in self._site.load.wanted:
                self._judge_end(wanted, records)
        for provider in PROVIDERS:
            self._judge_charges(provider)
        return self.findings

    def _judge(self, wanted: Wanted, records: Records) -> None:
        manifest = _manifest(self._site.storage, wanted.upload_id)
        if manifest is not None:
            given_up = {None} if wanted.gives_up_rows else set()
            self._own(manifest.provider, *(part.remote_id for part in manifest.parts if part.remote_id not in given_up))
            judge_rows(wanted, _result(self._site.storage, wanted.upload_id), self.findings)
            if len(manifest.parts) != wanted.parts:
                self.findings.lost_rows.append(f"{wanted.upload_id} has {len(manifest.parts)} of {wanted.parts} parts.")
        upload = records.upload(wanted.upload_id)
        if manifest is None and upload is not None:
            self._judge_waiting(wanted, records)
        if upload is None and manifest is None:
            self.findings.not_ended.append(f"Nobody knows of {wanted.upload_id}, and it has no result.")

    def _judge_end(self, wanted: Wanted, records: Records) -> None:
        """The upload has come to its end, or waits for a person, or behind a part that does."""
        upload = records.upload(wanted.upload_id)
        if upload is None or upload.state in _ends_of(wanted):
            return
        told = f"{wanted.upload_id} is {upload.state} ({upload.reason or 'no reason'}: {upload.message})."
        behind = upload.account in self._undecided and wait_for_a_place(records.parts(wanted.upload_id))
        (self.findings.behind if behind else self.findings.not_ended).append(told)

    def _judge_waiting(self, wanted: Wanted, records: Records) -> None:
        """An upload without a result: its parts are owned or quarantined with a reason, or something is wrong."""
        for part in records.parts(wanted.upload_id):
            if part.state is PartState.QUARANTINED:
                self._undecided.add(part.account)
                self.findings.quarantined.append(f"{part.part_id}: {part.reason or 'NO REASON'}: {part.message}")
                if not part.reason:
                    self.findings.not_ended.append(f"{part.part_id} is quarantined without a reason.")
                if part.remote_id is None:
                    self._without_id[part.provider] += 1
            if part.remote_id is not None:
                self._own(part.provider, part.remote_id)

    def _own(self, provider: str, *remote_ids: str | None) -> None:
        self._owned[provider].update(str(remote_id) for remote_id in remote_ids)

    def _judge_charges(self, provider: str) -> None:
        charged = self._site.sandbox.charges(provider)
        judge_charges(provider, charged, self._owned[provider], self._without_id[provider], self.findings)


def wait_for_a_place(parts: Sequence[PartRecord]) -> bool:
    """Whether parts of an upload are left, and each of these is held until there is a place on its account."""
    left = [part for part in parts if part.state not in PART_TERMINAL]
    return bool(left) and all(part.state is PartState.HELD and part.reason in LIMIT_REASONS for part in left)


def judge_charges(
    provider: str, charged: Mapping[str, int], owned: Counter[str], waiting: int, findings: Findings
) -> None:
    """Every charge belongs to one part; only a part that waits for a person may have one that nobody knows.

    `charged`: rows by remote id. `owned`: parts by remote id. `waiting`: quarantined parts that name no remote id.
    """
    for remote_id, parts in owned.items():
        if parts > 1:
            findings.lost_rows.append(f"{parts} parts share the job {remote_id} at {provider}.")
        if remote_id not in charged:
            findings.lost_rows.append(f"A part names the job {remote_id}, which {provider} does not know.")
    unowned = [remote_id for remote_id in charged if remote_id not in owned]
    if len(unowned) > waiting:
        findings.double_charges.append(
            f"{provider} charged for {', '.join(unowned)}, which no part owns; quarantined parts that could: {waiting}."
        )


def judge_rows(wanted: Wanted, rows: Sequence[Mapping[str, str]], findings: Findings) -> None:
    """Each row of the list is in the result, in its place, with a verdict where the provider has given one."""
    if [next(iter(row.values())) for row in rows] != list(wanted.rows):
        findings.lost_rows.append(f"The result of {wanted.upload_id} does not have its list's rows.")
    if wanted.gives_up_rows:
        return
    if bare := [row for row in rows if row["bv_row"] not in ANSWERED_ROWS or not row["bv_verdict"]]:
        findings.lost_rows.append(f"{len(bare)} rows of {wanted.upload_id} have no verdict.")


def _ends_of(wanted: Wanted) -> set[str]:
    """The states in which an upload may be left: one whose rows were given up ends as failed, with the others."""
    return {"completed", "attention", "failed"} if wanted.gives_up_rows else {"completed", "attention"}


def _result(storage: Path, upload_id: str) -> list[dict[str, str]]:
    with (storage / result_name(upload_id)).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _manifest(storage: Path, upload_id: str) -> Manifest | None:
    path = storage / manifest_name(upload_id)
    return Manifest.load(path.read_bytes()) if path.exists() else None

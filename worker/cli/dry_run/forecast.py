"""What a dry run tells of one list: fields for people, a JSON document for programs, an exit code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from config.redaction import redactor
from producers.exit_codes import ExitCode
from producers.report import shown
from worker.cli.outlook import budget_document, budget_sentence
from worker.cli.wording import moment
from worker.core.savings import Savings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.cli.dry_run.balance import Balance
    from worker.core.budget import BudgetDay
    from worker.core.next_step import NextStep
    from worker.core.quota import Day
    from worker.core.records import UploadRecord
    from worker.rows.dialect import Dialect
    from worker.rows.staging import Staged


class Outcome(StrEnum):
    """What submitting the list would lead to."""

    #: It would become an upload, and be paid for.
    ACCEPTED = "accepted"
    #: It is an upload already, and nothing would be paid.
    KNOWN = "known"
    #: Intake would not accept the request.
    REJECTED = "rejected"
    #: It would become an upload that fails before anything is spent.
    FAILED = "failed"


_SENTENCES = {
    Outcome.ACCEPTED: "could be submitted",
    Outcome.KNOWN: "is known already: nothing would be paid",
    Outcome.REJECTED: "would be rejected",
    Outcome.FAILED: "would be accepted, and fail unspent",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """A list in rows, and what of it is sent."""

    rows: int
    empty: int
    folded: int
    withheld: int
    #: Values to send.
    distinct: int
    parts: int
    #: Rows with more or fewer cells than the list has columns, and the columns that they add; not kept with an upload.
    ragged: int | None = None
    columns_added: int | None = None

    @classmethod
    def of_staged(cls, staged: Staged) -> Self:
        """What staging found."""
        return cls(
            rows=staged.rows,
            empty=staged.empty,
            folded=staged.folded,
            withheld=staged.withheld,
            distinct=staged.distinct,
            parts=len(staged.parts),
            ragged=staged.ragged,
            columns_added=staged.added_columns,
        )

    @classmethod
    def of_upload(cls, upload: UploadRecord) -> Self | None:
        """What the record of an upload tells, `None` while its list is not staged."""
        if not upload.parts_total:
            return None
        return cls(upload.rows, upload.empty, upload.folded, upload.withheld, upload.distinct, upload.parts_total)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of one list; a field is `None` where nobody got so far as to find it out."""

    name: str
    #: Where the list is, as a record has it; of rows their number.
    source: Mapping[str, str]
    account: str
    upload_id: str | None
    outcome: Outcome = Outcome.ACCEPTED
    code: ExitCode = ExitCode.OK
    #: State of the upload that it is already.
    state: str = ""
    reason: str = ""
    message: str = ""
    remedy: str = ""
    dialect: Dialect | None = None
    counts: Counts | None = None
    #: Rows of a part at most, by account and provider.
    part_rows_max: int | None = None
    #: Why the provider may not pull the list itself.
    not_pullable: str = ""
    #: Values, and the parts that they make up, whose verdicts are there now and would be taken over unpaid.
    reused_values: int = 0
    reused_parts: int = 0
    #: At most: what a provider cannot verify some give back.
    credits_max: int | None = None
    balance: Balance | None = None
    #: Credits that the account has too few, for this list and those before it on the command line.
    credits_missing: int = 0
    #: The producer's day before this list, `None` where it has no limit.
    quota: Day | None = None
    #: The account's day before this list, `None` where it has no limit.
    budget: BudgetDay | None = None
    #: What keeps the account's lists back, and when that ends.
    pauses: tuple[NextStep, ...] = ()

    def as_json(self) -> str:
        """One line of JSON."""
        told: dict[str, object] = {
            "upload_id": self.upload_id,
            "file": self.name,
            "source": dict(self.source),
            "account": self.account,
            "outcome": str(self.outcome),
            "state": self.state,
            "reason": self.reason,
            "message": self.message,
            "remedy": self.remedy,
            "dialect": None if self.dialect is None else self.dialect.model_dump(mode="json"),
            "counts": None if self.counts is None else asdict(self.counts),
            "part_rows_max": self.part_rows_max,
            "not_pullable": self.not_pullable,
            "reused_values": self.reused_values,
            "reused_parts": self.reused_parts,
            "credits_saved": None if self.counts is None else asdict(self._savings(self.counts)),
            "credits_max": self.credits_max,
            "credits_missing": self.credits_missing,
            "balance": None if self.balance is None else asdict(self.balance),
            "quota": None if self.quota is None else asdict(self.quota) | {"left_rows": self.quota.left_rows},
            "budget": budget_document(self.budget),
            "pauses": [{"what": pause.what, "when": pause.when} for pause in self.pauses],
            "exit_code": int(self.code),
        }
        return json.dumps(redactor.redact_value(told, sink="command"), ensure_ascii=False)

    def as_text(self) -> str:
        """A heading, and under it a line for each thing that is known."""
        fields = [(title, text) for title, text in self._fields() if text]
        width = max(len(title) for title, _ in fields)
        lines = [f"{self.name}  {_SENTENCES[self.outcome]}", *(f"  {title:<{width}}  {text}" for title, text in fields)]
        return "\n".join(shown(redactor.redact(line, sink="command")) for line in lines)

    def _fields(self) -> Iterator[tuple[str, str]]:
        yield "source", " ".join(f"{word} {place}" for word, place in self.source.items())
        yield "upload", " ".join(filter(None, (self.upload_id, self.state and f"({self.state})")))
        yield "why", " ".join(filter(None, (self.reason and f"({self.reason})", self.message)))
        yield "outlook" if self.outcome is Outcome.KNOWN else "remedy", self.remedy
        if self.dialect is not None:
            yield "column", f"{self.dialect.column_name} (number {self.dialect.column_index})"
            yield "read as", self.dialect.why
        if self.counts is not None:
            yield from _rows(self.counts, self.part_rows_max)
        yield "not pulled", self.not_pullable
        if self.reused_parts:
            yield "reuse", f"{self.reused_values:,} values of {self.reused_parts:,} parts, unpaid while that is kept"
        if self.counts is not None:
            yield "saved", str(self._savings(self.counts))
        if self.credits_max is not None:
            yield "credits", f"{self.credits_max:,} at most"
        if self.balance is not None:
            yield "balance", self._balance(self.balance)
        if self.quota is not None:
            left = f"{self.quota.left_rows:,} of {self.quota.most_rows:,} rows left"
            yield "quota", f"{left} before this list, until {moment(self.quota.ends_at)}"
        if self.budget is not None:
            yield "budget", budget_sentence(self.budget) + self._over_budget(self.budget)
        for pause in self.pauses:
            yield "waits", pause.what if pause.when is None else f"{pause.what} ({moment(pause.when)})"

    def _savings(self, counts: Counts) -> Savings:
        """Credits that the list does not cost, as far as is known now."""
        return Savings(counts.folded, counts.withheld, self.reused_values)

    def _over_budget(self, budget: BudgetDay) -> str:
        fits = self.credits_max is None or self.credits_max <= budget.left_rows
        return "" if fits else ": what does not fit waits for the next days"

    def _balance(self, balance: Balance) -> str:
        if balance.credits is None:
            return f"unknown: {balance.unknown}"
        if not self.credits_missing:
            return f"{balance.credits:,} credits"
        return f"{balance.credits:,} credits, {self.credits_missing:,} too few: parts would wait for more"


def _rows(counts: Counts, part_rows_max: int | None) -> Iterator[tuple[str, str]]:
    left_out = f"{counts.empty:,} empty, {counts.folded:,} folded, {counts.withheld:,} withheld"
    yield "rows", f"{counts.rows:,}: {left_out}, {counts.distinct:,} to send"
    if counts.ragged:
        added = f"; they add {counts.columns_added:,} to every row of the result" if counts.columns_added else ""
        yield "ragged", f"{counts.ragged:,} with more or fewer cells than the list has columns{added}"
    limit = "" if part_rows_max is None else f", at most {part_rows_max:,} rows each"
    yield "parts", f"{counts.parts:,}{limit}"

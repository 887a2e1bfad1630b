"""A finding: one difference of one subject, kept from one sweep to the next so that its age and its end are known."""

from __future__ import annotations

import json
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveInt

from worker.core.drift.classes import DriftClass, Handling, Severity
from worker.core.drift.evidence import Plain, bounded
from worker.core.drift.rules import RULES, Rule
from worker.core.schema import SCHEMA_VERSION, upgraded


class Finding(BaseModel):
    """A difference between here and there. Its key is its class and its subject. Unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: int = SCHEMA_VERSION
    drift: DriftClass
    account: str
    #: What it is about: `<upload_id>/<index>` of a part, an upload id, a remote id, a kind, or the account.
    subject: str
    #: What was seen last.
    evidence: Annotated[dict[str, Plain], AfterValidator(bounded)]
    #: By the store's clock, epoch seconds.
    first_seen_at: float
    last_seen_at: float
    #: When the sweep began that showed it last: each sweep counts once.
    swept_at: float
    #: Sweeps in a row that showed it, those aside that could not tell.
    times: PositiveInt = 1

    @property
    def key(self) -> tuple[DriftClass, str]:
        """What tells it from the other findings of its account."""
        return self.drift, self.subject

    @property
    def rule(self) -> Rule:
        """What is known of its class."""
        return RULES[self.drift]

    @property
    def severity(self) -> Severity:
        """How much it is somebody's business."""
        return self.rule.severity

    @property
    def believed(self) -> bool:
        """Whether enough sweeps in a row have shown it: before that it is only suspected, and nothing is done."""
        return self.times >= self.rule.sightings

    @property
    def action(self) -> Handling:
        """What becomes of it."""
        return self.rule.handling

    @property
    def next(self) -> str:
        """What happens next, in a sentence without its full stop."""
        if not self.believed:
            return f"it is believed when {self.rule.sightings} sweeps in a row have shown it ({self.times} so far)"
        upload = self.subject.rpartition("/")[0] or self.subject
        return self.rule.next.format(subject=self.subject, upload=upload, account=self.account)

    def dump(self) -> str:
        """The text that is kept."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        """Read what `dump` wrote. Raises `LaterSchema`, and `ValueError` where the text is damaged."""
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("a finding is a JSON object; the text is damaged")  # noqa: TRY004 - damage, like any other
        return cls.model_validate(upgraded("finding", fields))

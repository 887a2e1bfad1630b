"""The manifest: what an upload's result holds and where it came from. A result exists when its manifest exists.

Holds no secret: no key, no link, no provider's URL; remote jobs are named by their ids.
"""

from __future__ import annotations

import json
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from worker.core.errors import LaterSchema
from worker.core.rows import RowCounts
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.rows.errors import ManifestUnreadable

#: Bytes of a manifest; one of ten thousand parts has some eight million.
MANIFEST_BYTES_MAX = 256 * 1024 * 1024


class _Section(BaseModel):
    """A frozen part of the manifest; what a newer program added is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class InputSection(_Section):
    """The input as it was staged."""

    sha256: str
    bytes: NonNegativeInt
    rows: NonNegativeInt
    #: Where the producer said it was: `path`, `rows` or `url`, never the address itself.
    source: str
    #: Rows with more or fewer cells than the list has columns. Older programs did not tell.
    ragged: NonNegativeInt | None = None


class ResultSection(_Section):
    """The result file."""

    #: Its name in storage, and its address there.
    object: str
    url: str
    sha256: str
    bytes: NonNegativeInt
    rows: NonNegativeInt
    columns: tuple[str, ...]
    #: `csv` or `jsonl`, and what parts the cells of a CSV's rows. Older programs told neither: they wrote commas.
    format: str = "csv"
    delimiter: str = Field(default=",", pattern=r'^[^"\r\n\x00]$')
    #: Whether cells that a spreadsheet would run got an apostrophe before them, those of the input too.
    spreadsheet_safe: bool = False


class SegmentSection(_Section):
    """A part of a part's result that the provider also gave as a file of its own."""

    #: Its name among the provider's segments.
    segment: str
    #: Whether no row belongs to it; then there is no file, and neither name, address nor digest.
    empty: bool
    object: str | None
    url: str | None
    sha256: str | None
    bytes: NonNegativeInt


class PartSection(_Section):
    """One part and its remote job."""

    index: NonNegativeInt
    #: `None` when the part was never submitted.
    remote_id: str | None
    #: How it was submitted, `None` when it never was.
    method: str | None = None
    #: Values sent, and verdicts that came back.
    rows: NonNegativeInt
    returned_rows: NonNegativeInt
    #: Storage name and digest of the collected verdicts, `None` when there are none.
    object: str | None
    sha256: str | None
    submitted_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    collected_at: AwareDatetime | None
    credits: NonNegativeInt
    #: The part (`<upload_id>/<index>`) that was verified in its place, at `finished_at`; `None`: it was itself.
    reused_from: str | None = None
    #: The segments that were asked for, empty ones too; nothing before the part was collected.
    segments: tuple[SegmentSection, ...] = ()


class Versions(_Section):
    """What wrote the manifest."""

    bulkverify: str
    schema_: int = Field(default=SCHEMA_VERSION, alias="schema")

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class Manifest(_Section):
    """One upload's result, self-contained."""

    schema_version: int = SCHEMA_VERSION
    upload_id: str
    account: str
    provider: str
    kind: str
    label: str
    #: The producer's own id, empty where it gave none.
    correlation_id: str = ""
    #: Whether some value has no verdict.
    partial: bool
    counts: RowCounts
    #: Rows by verdict word.
    verdicts: dict[str, NonNegativeInt]
    input: InputSection
    result: ResultSection
    parts: tuple[PartSection, ...]
    #: What the provider charged for all parts, in credits.
    credits: NonNegativeInt
    #: Values of the parts that were not sent because others had brought their verdicts.
    reused_values: NonNegativeInt = 0
    #: Verdicts on values that were not sent, and further verdicts on one value: reported, and not in the result.
    extra_verdicts: NonNegativeInt = 0
    duplicate_verdicts: NonNegativeInt = 0
    created_at: AwareDatetime
    completed_at: AwareDatetime
    versions: Versions

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """A manifest that contradicts itself is never written and never believed."""
        if not self.counts.conserved:
            raise ValueError("counts do not add up to the rows")
        if self.partial != self.counts.partial:
            raise ValueError("partial contradicts the missing rows")
        if not self.counts.rows == self.input.rows == self.result.rows:
            raise ValueError("counts, input and result differ in rows")
        if self.input.ragged is not None and self.input.ragged > self.input.rows:
            raise ValueError("more rows are ragged than there are")
        return self

    def dump(self) -> bytes:
        """Canonical JSON in UTF-8: keys sorted, indented for people, one line feed at the end."""
        document = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def load(cls, data: bytes, name: str = "manifest.json") -> Manifest:
        """Read what `dump` wrote; `name` is the object's name for messages. Raises `ManifestUnreadable`."""
        try:
            return cls.model_validate(upgraded("manifest", json.loads(data)))
        except LaterSchema as later:
            fault = str(later)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            fault = f"{where}: {first['msg']}; the object is damaged"
        except (ValueError, TypeError, RecursionError):
            fault = "it is no JSON object; the object is damaged"
        raise ManifestUnreadable(f"{name}: {fault}")

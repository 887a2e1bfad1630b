"""The request of an upload: what an application puts into the stream, read, checked, published and fingerprinted.

One reading for everybody: applications check with it before they send, intake checks with it before it accepts.
Needs only pydantic.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from producers.checked import Checked
from producers.contract import (
    ACCOUNT_PATTERN,
    AGAIN_PATTERN,
    CONTRACT_VERSION,
    DERIVED_ID_PREFIX,
    LABEL_CHARS_MAX,
    PRODUCER_CHARS_MAX,
    REQUEST_BYTES_MAX,
    REUSE_HOURS_MAX,
    UPLOAD_ID_PATTERN,
)
from producers.errors import RequestInvalid
from producers.problems import problems_of
from producers.request_source import Source
from producers.row_options import RowOptions
from producers.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Text on one line: no control characters (nor those of Unicode), no line breaks, nothing that turns its direction.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"

#: What a list can hold; which kinds an account verifies depends on its provider.
Kind = Literal["email", "proxy", "url", "phone", "leaked_email", "leaked_password", "leaked_username"]

#: How a list goes to the provider; which ways there are depends on the provider.
Method = Literal["auto", "form", "json", "pull"]

#: What of a result a provider gives as files of its own: all rows, or some.
Segment = Literal["all", "pristine", "clean", "bad"]

#: Where an application gets its result from.
ResultPlace = Literal["storage", "rows"]

#: What a result is written as: CSV, or JSON Lines (an object for each row).
ResultFormat = Literal["csv", "jsonl"]


class UploadRequest(Checked):
    """One list of one kind, to be verified for one account."""

    version: Annotated[Literal[1], Field(description="Version of this format.", examples=[1])]
    upload_id: Annotated[
        str | None,
        Field(
            description=(
                "The producer's name for this upload. The same id with the same request is the same upload, however "
                "often it is sent; with another request it is a conflict. Absent: derived from account, kind, options "
                "and the file's content, so that the same list is never paid for twice."
            ),
            pattern=UPLOAD_ID_PATTERN,
            examples=["crm-2026-11"],
        ),
    ] = None
    account: Annotated[
        str,
        Field(
            description="Name of the account that pays, from the workers' accounts file.",
            pattern=ACCOUNT_PATTERN,
            examples=["ipqs-main"],
        ),
    ]
    kind: Annotated[
        Kind,
        Field(
            description=(
                "What the values are: email addresses, IP addresses (proxy), URLs or phone numbers to be verified; or "
                "email addresses, passwords or user names to be looked for in leaked data (leaked_…)."
            ),
            examples=["email"],
        ),
    ]
    source: Annotated[Source, Field(description="Where the list is.")]
    options: Annotated[RowOptions, Field(description="How to read the list.")] = RowOptions()
    screen: Annotated[
        bool,
        Field(
            description=(
                "Whether values that cannot be what the kind says, such as an e-mail address without @, are withheld: "
                "they are in the result, are not sent, and are not paid for. A list with it is another upload than the "
                "same list without it."
            ),
            examples=[True],
        ),
    ] = False
    method: Annotated[
        Method,
        Field(
            description=(
                "How the list goes to the provider: as a file in a form, as rows of JSON, or pulled by the provider "
                "from source.remote_url. It changes nothing in what is verified or paid."
            ),
            examples=["auto"],
        ),
    ] = "auto"
    segments: Annotated[
        list[Segment],
        Field(
            description="What of the result is wanted as the provider's own files too, besides that with all rows.",
            max_length=4,
            examples=[["clean"]],
            default_factory=list,
        ),
    ]
    result: Annotated[
        ResultPlace,
        Field(
            description=(
                "Where the result is wanted: only in storage, or also as rows in Redis for a while, for an application "
                "that cannot read the storage."
            ),
            examples=["rows"],
        ),
    ] = "storage"
    format: Annotated[
        ResultFormat,
        Field(description="What the result is written as: CSV, or JSON Lines, an object a row.", examples=["jsonl"]),
    ] = "csv"
    spreadsheet_safe: Annotated[
        bool,
        Field(
            description=(
                "Whether cells of a CSV result that a spreadsheet would run as formulas begin with an apostrophe, the "
                "input's own cells too: for results that people open."
            ),
            examples=[True],
        ),
    ] = False
    again: Annotated[
        str | None,
        Field(
            description=(
                "A word that makes a list another upload than the same list without it, to have it verified, and paid "
                "for, once more. The same word is the same upload, however often it is sent."
            ),
            pattern=AGAIN_PATTERN,
            examples=["2026-12"],
        ),
    ] = None
    reuse: Annotated[
        float | None,
        Field(
            description=(
                "Hours: parts of the list whose very values this account has verified within so many are given those "
                "verdicts, and are not paid for. Absent: every part is verified. A list with it is another upload than "
                "the same list without it."
            ),
            gt=0,
            le=REUSE_HOURS_MAX,
            allow_inf_nan=False,
            examples=[24],
        ),
    ] = None
    label: Annotated[
        str,
        Field(
            description="A word for people: it appears in listings and in the name of the job at the provider.",
            pattern=_ONE_LINE,
            max_length=LABEL_CHARS_MAX,
            examples=["newsletter"],
        ),
    ] = ""
    producer: Annotated[
        str,
        Field(
            description="Name of the application that asks.",
            pattern=_ONE_LINE,
            max_length=PRODUCER_CHARS_MAX,
            examples=["crm"],
        ),
    ] = ""
    trace: Annotated[
        Trace,
        Field(
            description="What ties the upload to what the producer does, in its logs and traces.",
            examples=[{"correlation_id": "req-7f3a"}],
        ),
    ] = Trace()

    @field_validator("segments")
    @classmethod
    def _each_segment_once(cls, segments: list[Segment]) -> list[Segment]:
        if len(set(segments)) != len(segments):
            raise ValueError("names the same segment twice")
        return sorted(segments)

    @model_validator(mode="after")
    def _fits_together(self) -> UploadRequest:
        if self.again is not None and self.upload_id is not None and not self.upload_id.startswith(DERIVED_ID_PREFIX):
            raise ValueError("has both upload_id and again; another upload_id is another upload already")
        if self.source.rows is not None and self.options != RowOptions():
            raise ValueError("has options, which tell how to read a file, and source.rows, which are read already")
        if self.source.rows is not None and self.kind == "leaked_password":
            raise ValueError("has passwords in source.rows, where they would lie in Redis; put them into a file")
        if self.result == "rows" and self.kind == "leaked_password":
            raise ValueError("has passwords and wants rows as result, where they would lie in Redis; use storage")
        if self.reuse is not None and self.kind == "leaked_password":
            raise ValueError("has passwords and reuse, but no verdicts on them are kept beyond their upload's end")
        if self.spreadsheet_safe and self.format != "csv":
            raise ValueError("has spreadsheet_safe, which is about CSV, and another format; leave one of them out")
        return self


def parse(text: bytes | str) -> UploadRequest:
    """The request in `text`, JSON in UTF-8 of at most `REQUEST_BYTES_MAX` bytes.

    Raises `RequestInvalid`, whose message names every problem with the field it concerns.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    check_size(raw)
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid(
            f"The request is not JSON text in UTF-8: {_json_fault(error)}.",
            reason="not_json",
            remedy='Send one JSON object in the field "request", like the one in docs/contract.md.',
        ) from None
    return from_fields(data)


def check_size(raw: bytes) -> None:
    """Raise `RequestInvalid` for a request's text that is longer than any that is read."""
    if len(raw) > REQUEST_BYTES_MAX:
        raise RequestInvalid(
            f"The request has {len(raw):,} bytes; at most {REQUEST_BYTES_MAX:,} are read.",
            reason="too_large",
            remedy="Put the list into a file and name the file in source.path.",
        )


def from_fields(data: object) -> UploadRequest:
    """The request made of decoded JSON. Raises `RequestInvalid`."""
    version = data.get("version") if isinstance(data, dict) else None
    # Python takes true for the number 1.
    if isinstance(version, bool) or (isinstance(version, int) and version != CONTRACT_VERSION):
        raise RequestInvalid(
            f"The request is of version {json.dumps(version)[:20]}; this program reads version {CONTRACT_VERSION}.",
            reason="version",
            remedy=f"Send version {CONTRACT_VERSION}, or update the workers.",
        )
    try:
        return UploadRequest.model_validate(data)
    except ValidationError as error:
        raise RequestInvalid(f"The request breaks the contract: {problems_of(error)}.") from None


def to_json(request: UploadRequest) -> str:
    """The request as it goes into the stream: canonical JSON, absent fields left out."""
    return canonical_json(given_fields(request))


def json_schema() -> dict[str, Any]:
    """The contract as a JSON Schema (draft 2020-12), for applications in any language."""
    schema = UploadRequest.model_json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:bulkverify:upload-request:{CONTRACT_VERSION}",
        "title": f"bulkverify upload request, version {CONTRACT_VERSION}",
    }
    return head | {key: value for key, value in schema.items() if key not in head}


def given_fields(request: UploadRequest) -> dict[str, Any]:
    """The fields of a request that say something: those that are neither null nor what they are by default."""
    return request.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def canonical_json(fields: Mapping[str, object]) -> str:
    """One text for one value: sorted keys, no spaces, non-ASCII characters as themselves."""
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class _NotJson(ValueError):
    """JSON text that Python would read and others would not, or not in the same way."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _NotJson("an object names the same field twice")
    return fields


def _refuse_constant(word: str) -> object:
    raise _NotJson(f"{word} is not a JSON number")


def _json_fault(error: ValueError | RecursionError) -> str:
    """Why the text could not be read, without repeating any of it."""
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            return f"byte {error.start} is not UTF-8"
        case json.JSONDecodeError() if error.doc.startswith("\ufeff"):
            return "it begins with a byte order mark"
        case json.JSONDecodeError():
            return f"{error.msg} at character {error.pos}"
        case _NotJson():
            return str(error)
        case _:
            return "a number in it is too long"

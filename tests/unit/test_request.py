"""The request: what is accepted, how a refusal reads, and the identity that follows from it."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import REQUEST_BYTES_MAX, UPLOAD_ID_PATTERN
from producers.errors import RecordUnreadable, RequestInvalid, SourceUnusable
from producers.exit_codes import ExitCode, worst
from producers.identity import content_sha256, derive_upload_id, is_derived, request_digest, said_by_id
from producers.inline_rows import INLINE_OPTIONS, rows_as_file, rows_sha256
from producers.problems import PROBLEMS_NAMED_MAX
from producers.records import Status
from producers.request import UploadRequest, json_schema, parse, to_json
from producers.source import checked_source, hashed_source
from worker.rows.csv_rows import CsvRows

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[2] / "docs" / "contract.md"
CONTENT = hashlib.sha256(b"a@example.com\n").hexdigest()


def fields(**changes: object) -> dict[str, Any]:
    """A valid request's fields, with changes; a change to `...` takes the field out."""
    whole = {"version": 1, "account": "main", "kind": "email", "source": {"path": "/srv/list.csv"}, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def request(**changes: object) -> UploadRequest:
    """A valid request."""
    return parse(json.dumps(fields(**changes)))


def refusal(text: bytes | str) -> RequestInvalid:
    """How a text is refused."""
    with pytest.raises(RequestInvalid) as caught:
        parse(text)
    return caught.value


def test_the_smallest_request_is_read_with_defaults() -> None:
    """A request needs a version, an account, a kind and a source; everything else is absent."""
    smallest = request()
    assert smallest.upload_id is None
    assert (smallest.account, smallest.kind, smallest.source.path) == ("main", "email", "/srv/list.csv")
    assert smallest.options.model_dump(exclude_none=True) == {}
    assert (smallest.label, smallest.producer) == ("", "")


def test_every_field_survives_the_stream() -> None:
    """What one side writes with every field set, the other side reads as the same request."""
    full = request(
        upload_id="crm-2026-11",
        options={"column": 0, "header": False, "delimiter": "\t", "encoding": "cp1252"},
        label="Frühling",
        producer="crm",
        screen=True,
        spreadsheet_safe=True,
    )
    assert parse(to_json(full)) == full
    assert parse(to_json(full).encode()) == full


def test_null_is_absent() -> None:
    """A null in an optional field means the same as leaving it out."""
    nulls = request(upload_id=None, options=None, label=None, producer=None)
    assert nulls == request() == request(options={"column": None, "header": None})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "at character 0"),
        (b'{"label": "\xff"}', "byte 11 is not UTF-8"),
        ("[" * 60_000, "nested too deeply"),
        ('{"version": NaN}', "NaN is not a JSON number"),
        ('{"account": "a", "account": "b"}', "the same field twice"),
        ("1" * 5_000, "a number in it is too long"),
    ],
)
def test_what_is_not_json_is_refused_with_the_place(text: bytes | str, said: str) -> None:
    """Text that is not JSON for everybody is refused as `not_json`, with where or why."""
    error = refusal(text)
    assert error.reason == "not_json"
    assert said in error.message
    assert error.remedy


def test_a_large_request_is_refused_before_it_is_parsed() -> None:
    """One byte more than the limit is `too_large`; bytes are counted, not characters."""
    padding = "ü" * (REQUEST_BYTES_MAX // 2 - 1)
    assert refusal(f'"{padding}"').reason == "schema"
    assert refusal(f'"{padding}" ').reason == "too_large"


@pytest.mark.parametrize("version", [0, 2, -1, 10**100, True])
def test_another_version_is_named_and_nothing_else_is_judged(version: int) -> None:
    """A request of another version is refused as such, not for fields that this version does not know."""
    error = refusal(json.dumps(fields(version=version, rows=["a@example.com"])))
    assert error.reason == "version"
    assert "version 1" in error.message
    assert len(error.message) < 120


def test_all_problems_are_listed_at_once_with_their_fields() -> None:
    """Every problem of a request is in one message, each with the path of its field."""
    error = refusal(
        json.dumps(
            fields(
                upload_id="../etc",
                account="a b",
                kind="fax",
                source={"path": "list.csv", "size": 1},
                options={"column": -1, "header": "yes", "delimiter": '"', "encoding": "klingon"},
                label="two\nlines",
                colour="red",
            )
        )
    )
    assert error.reason == "schema"
    assert re.findall(r"([a-z_.]+): ", error.message.removeprefix("The request breaks the contract: ")) == [
        *("upload_id", "account", "kind", "source.path", "source.size"),
        *("options.column", "options.header", "options.delimiter", "options.encoding", "label", "colour"),
    ]
    assert "Input" not in error.message
    assert "pattern" not in error.message


@pytest.mark.parametrize("missing", ["version", "account", "kind", "source"])
def test_a_missing_field_is_named(missing: str) -> None:
    """Each required field is asked for by name."""
    assert f"{missing}: is missing" in refusal(json.dumps(fields(**{missing: ...}))).message


@pytest.mark.parametrize("data", [[], "text", 1, None])
def test_json_that_is_no_object_is_refused(data: object) -> None:
    """JSON other than an object breaks the contract."""
    error = refusal(json.dumps(data))
    assert error.reason == "schema"
    assert "(the request): must be a JSON object" in error.message


def test_a_refusal_is_bounded_and_harmless_to_terminals() -> None:
    """Thousands of unknown fields with hostile names make a short, printable message."""
    error = refusal(json.dumps(fields(**{f"\x1b[31m{number}" + "x" * 200: 1 for number in range(200)})))
    assert error.message.count("is not a field of the contract") == PROBLEMS_NAMED_MAX
    assert f"and {200 - PROBLEMS_NAMED_MAX} more" in error.message
    assert error.message.isprintable()
    assert len(error.message) < 4_000


@pytest.mark.parametrize("encoding", ["hex", "rot13", "undefined", "../x", "utf 8"])
def test_only_text_encodings_are_encodings(encoding: str) -> None:
    """Codecs that are not encodings of text are refused."""
    assert "options.encoding: is not the name" in refusal(json.dumps(fields(options={"encoding": encoding}))).message


@pytest.mark.parametrize("rest", ["\x1b[2J", "a\x9b2J", "\u202egnp.exe", "a b", "a\0", "caf\xe9.csv", ""])
@pytest.mark.parametrize("field", ["url", "remote_url"])
def test_a_url_has_no_character_that_a_terminal_would_obey(field: str, rest: str) -> None:
    """Messages repeat URLs, so that only the characters are taken that a URL consists of."""
    with pytest.raises(RequestInvalid, match=f"source.{field}: must be a URL in ASCII characters"):
        parse(json.dumps({"version": 1, "account": "a", "kind": "email", "source": {field: f"https://{rest}"}}))


def test_booleans_are_not_numbers() -> None:
    """`true` is no column, and 1 is no header."""
    error = refusal(json.dumps(fields(options={"column": True, "header": 1})))
    assert "options.column" in error.message
    assert "options.header" in error.message


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Whatever bytes arrive, the answer is a request or `RequestInvalid`."""
    try:
        parse(raw)
    except RequestInvalid as error:
        assert error.reason in {"not_json", "schema", "version"}  # noqa: PT017 - either end is right


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*UploadRequest.model_fields, "\ud800"]), _JSON))
def test_any_json_object_is_read_or_refused(data: dict[str, object]) -> None:
    """Whatever values the fields have, the answer is a request that survives the stream or `RequestInvalid`."""
    try:
        found = parse(json.dumps(data))
    except RequestInvalid as error:
        assert error.message.isprintable()  # noqa: PT017 - either end is right
    else:
        assert parse(to_json(found)) == found


@pytest.mark.parametrize(
    "same",
    [
        {"label": "other", "producer": "other"},
        {"options": {}},
        {"source": {"path": "/elsewhere/copy.csv"}},
    ],
)
def test_what_does_not_change_the_work_does_not_change_the_derived_identity(same: Mapping[str, object]) -> None:
    """Names, empty options and the place of the same content lead to the same derived id and the same digest."""
    assert derive_upload_id(request(**same), CONTENT) == derive_upload_id(request(), CONTENT)
    assert request_digest(request(**same)) == request_digest(request())


@pytest.mark.parametrize(
    "other", [{"account": "second"}, {"kind": "proxy"}, {"options": {"column": 0}}, {"options": {"column": "0"}}]
)
def test_what_changes_the_work_changes_the_identity(other: Mapping[str, object]) -> None:
    """Another account, kind or reading of the file is another upload and another digest."""
    assert derive_upload_id(request(**other), CONTENT) != derive_upload_id(request(), CONTENT)
    assert request_digest(request(**other)) != request_digest(request())


def test_other_content_is_another_upload() -> None:
    """The derived id follows the content."""
    assert derive_upload_id(request(), CONTENT) != derive_upload_id(request(), "0" * 64)


@pytest.mark.parametrize("secret", [{"result": "rows"}, {"source": {"rows": ["hunter2"]}}])
def test_passwords_never_go_through_redis(secret: Mapping[str, object]) -> None:
    """A request that would have passwords in Redis, on their way in or back, is refused; it never names one."""
    refused = refusal(json.dumps(fields(kind="leaked_password", **secret)))
    assert "would lie in Redis" in refused.message
    assert "hunter2" not in str(refused)


def test_only_a_plain_request_is_said_by_its_derived_id() -> None:
    """A derived id tells the list, and nothing of the place of the result or of segments: then intake judges."""
    derived = {"upload_id": derive_upload_id(request(), CONTENT)}
    known = Status(upload_id=derived["upload_id"], state="running")
    assert said_by_id(request(**derived), known)
    assert not said_by_id(request(upload_id="crm-1"), known)
    assert not said_by_id(request(**derived, result="rows"), known)
    assert not said_by_id(request(**derived, segments=["clean"]), known)
    assert not said_by_id(request(**derived), RecordUnreadable("The record makes no sense."))


@pytest.mark.parametrize("form", [{}, {"format": "jsonl"}, {"spreadsheet_safe": True}])
@pytest.mark.parametrize("had", [{}, {"result_format": "jsonl"}, {"spreadsheet_safe": True}])
def test_a_derived_id_is_that_of_a_result_in_any_form(form: dict[str, object], had: dict[str, Any]) -> None:
    """What the result is written as makes no other id, so no other charge; only the same form is what was asked for."""
    asked = request(upload_id=derive_upload_id(request(), CONTENT), **form)
    assert derive_upload_id(request(**form), CONTENT) == asked.upload_id
    assert (request_digest(asked) == request_digest(request())) is not bool(form)
    same = had == {"result_format" if name == "format" else name: value for name, value in form.items()}
    assert said_by_id(asked, Status(upload_id=str(asked.upload_id), state="running", **had)) is same


def test_screening_makes_another_id_and_another_digest() -> None:
    """A list that is screened is another upload, and one that is not keeps the id that it always had."""
    screened = request(screen=True)
    assert derive_upload_id(screened, CONTENT) != derive_upload_id(request(screen=False), CONTENT)
    assert derive_upload_id(request(screen=False), CONTENT) == derive_upload_id(request(), CONTENT)
    assert derive_upload_id(screened, CONTENT) == "auto-d4605c2b7d7d9075afbf2e26eb5da6e4"
    assert request_digest(screened) != request_digest(request(screen=False)) == request_digest(request())


def test_rows_of_a_request_may_be_screened() -> None:
    """Screening is no option of reading, so that values in the request itself may be screened too."""
    assert request(screen=True, source={"rows": ["a@example.com"]}).screen


def test_a_derived_id_is_an_upload_id_and_says_that_it_is_derived() -> None:
    """A derived id has the form of any id, begins with `auto-`, and a request that carries it keeps its digest."""
    derived = derive_upload_id(request(), CONTENT)
    assert re.fullmatch(UPLOAD_ID_PATTERN, derived)
    assert re.fullmatch(r"auto-[0-9a-f]{32}", derived)
    assert is_derived(derived)
    assert derive_upload_id(request(upload_id=derived), CONTENT) == derived
    assert request_digest(request(upload_id=derived)) == request_digest(request())


def test_derived_ids_never_change() -> None:
    """An id derived by an earlier release is derived again, or a rerun after an upgrade would pay twice."""
    options = {"column": "email", "header": True, "delimiter": ";", "encoding": "UTF_8"}
    assert derive_upload_id(request(), CONTENT) == "auto-7f28b1865825a25e30466e8511c569a9"
    assert derive_upload_id(request(options=options), CONTENT) == "auto-519b6e3019342e5b41dd4731dfa5c3c9"


def test_reuse_makes_another_id_and_another_digest() -> None:
    """Who does not ask for verdicts that are there, or for newer ones, asks for another upload; 24 is 24.0."""
    hours: tuple[float | None, ...] = (None, 24, 48, 0.5)
    asked = [request(reuse=each) for each in hours]
    assert len({derive_upload_id(each, CONTENT) for each in asked}) == len(asked)
    assert len({request_digest(each) for each in asked}) == len(asked)
    assert derive_upload_id(request(reuse=24), CONTENT) == derive_upload_id(request(reuse=24.0), CONTENT)
    assert derive_upload_id(request(reuse=24), CONTENT) == "auto-a931ad76d96bf9b64912a9cc0bcd29b6"


def test_with_an_id_of_its_own_a_request_for_another_file_conflicts() -> None:
    """Under one given id, two sources are two different requests."""
    one, other = request(upload_id="crm-1"), request(upload_id="crm-1", source={"path": "/srv/other.csv"})
    assert request_digest(one) != request_digest(other)


def test_the_digest_of_content_is_sha256_and_tells_its_progress(tmp_path: Path) -> None:
    """A file of several blocks is hashed like its whole content, and every byte is told of once."""
    content = bytes(range(256)) * 10_000
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    told: list[int] = []
    assert content_sha256(file, told.append) == hashlib.sha256(content).hexdigest()
    assert sum(told) == len(content)
    assert len(told) > 1


def test_an_unusable_source_is_named_with_the_reason(tmp_path: Path) -> None:
    """A missing file, a folder and an empty file are refused, each with its absolute path and what is wrong."""
    (tmp_path / "empty.csv").touch()
    for path, said in (("gone.csv", "no such file"), (".", "is not a file"), ("empty.csv", "is empty")):
        with pytest.raises(SourceUnusable, match=said) as caught:
            checked_source(tmp_path / path)
        assert str((tmp_path / path).absolute()) in caught.value.message


def test_a_source_that_is_being_written_is_refused(tmp_path: Path) -> None:
    """A file that grows while it is hashed has no identity yet."""
    file = tmp_path / "list.csv"
    file.write_bytes(b"a@example.com\n")

    def grow(_: int) -> None:
        file.write_bytes(b"a@example.com\nb@example.com\n")

    with pytest.raises(SourceUnusable, match="changed while it was read"):
        hashed_source(file, grow)


def test_segments_come_besides_a_result_of_any_format() -> None:
    """What the schema says of them holds for a result in JSON Lines as for one in CSV."""
    assert "CSV" not in json_schema()["properties"]["segments"]["description"]


def test_the_schema_describes_every_field_and_refuses_unknown_ones() -> None:
    """The published schema names its version, and explains every field with an example."""
    schema = json_schema()
    assert schema["$id"] == "urn:bulkverify:upload-request:1"
    assert schema["required"] == ["version", "account", "kind", "source"]
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        for name, field in part["properties"].items():
            assert field.get("description"), name
            assert name in {"source", "options"} or field.get("examples"), name


def test_the_examples_of_the_docs_are_requests() -> None:
    """Every request shown in the contract's document is one."""
    shown = re.findall(r'\{"version".*\}|\{\n  "version"(?:.|\n)*?\n\}', DOCS.read_text("utf-8"))
    assert len(shown) >= 3  # in JSON alone, and in the samples for the shell and Go
    for text in shown:
        assert parse(text).version == 1


def test_the_docs_list_the_exit_codes() -> None:
    """The document's table of exit codes is the program's."""
    table = "\n".join(f"| {code.value} | {code.meaning} |" for code in ExitCode)
    assert table in DOCS.read_text("utf-8")


def test_the_worst_exit_code_is_the_one_reported() -> None:
    """What most needs to be seen wins over what needs it less, whatever the numbers are."""
    assert worst([]) is ExitCode.OK
    assert worst([ExitCode.OK, ExitCode.NOT_FINISHED, ExitCode.ATTENTION]) is ExitCode.ATTENTION
    assert worst([ExitCode.ATTENTION, ExitCode.FAILED]) is ExitCode.FAILED
    assert worst([ExitCode.FAILED, ExitCode.UNAVAILABLE]) is ExitCode.UNAVAILABLE


# Rows


def test_rows_become_a_file_with_a_line_for_each() -> None:
    """Values stand in quotes only where they would be read as something else, and an empty one is a line, too."""
    rows = ["a@x.org", "", 'say "hi"', "a,b", " c ", "\ufeffd", "ü", "'e'"]
    assert rows_as_file(rows).decode() == 'a@x.org\n""\n"say ""hi"""\n"a,b"\n c \n"\ufeffd"\nü\n\'e\'\n'


_VALUES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")), min_size=1)


@given(_VALUES)
def test_rows_are_read_back_as_they_were(rows: list[str]) -> None:
    """Whatever values a request has, the file that they become gives the same ones, in their order."""
    text = io.StringIO(rows_as_file(rows).decode("utf-8"), newline="")
    assert [row for (row,) in CsvRows(text, ",", "rows.csv", 10**6)] == rows


def test_rows_with_one_id_are_the_same_rows() -> None:
    """The derived id of rows depends on them and their order, and is that of a file read in the same way."""
    one, other = (request(source={"rows": rows}) for rows in (["a", "b"], ["b", "a"]))
    ids = {derive_upload_id(each, rows_sha256(each.source.rows or [])) for each in (one, other)}
    assert len(ids) == 2
    options = INLINE_OPTIONS.model_dump(exclude_none=True)
    assert derive_upload_id(request(options=options), rows_sha256(["a", "b"])) in ids
    assert derive_upload_id(request(), rows_sha256(["a", "b"])) not in ids


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\0", "\n"])
def test_a_value_of_several_lines_is_named_by_its_place(value: str) -> None:
    """A line break or a NUL in a value is a problem of that row, which is named and not repeated."""
    error = refusal(json.dumps(fields(source={"rows": ["a", "b", "c", value]})))
    assert error.message.endswith(": source.rows.3: must be text on one line, without a NUL character.")

"""Detection of encoding, delimiter, header and value column."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from worker.providers.port import Kind
from worker.rows.dialect import SAMPLE_BYTES, Dialect, Options, detect
from worker.rows.errors import (
    ColumnNotFound,
    ColumnUnclear,
    DelimiterUnclear,
    EncodingUnclear,
    InputError,
    InputNotFound,
    NotAList,
    NotText,
    WrongKind,
)

if TYPE_CHECKING:
    from pathlib import Path


def detected(folder: Path, content: str | bytes, kind: Kind = Kind.EMAIL, options: Options | None = None) -> Dialect:
    """The dialect of a file with this content."""
    path = folder / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return detect(path, kind, options or Options())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a@x.example\nb@x.example\n", (None, False, 0, "email")),
        ("email\na@x.example\n", (None, True, 0, "email")),
        ("email", (None, True, 0, "email")),
        ("a@x.example", (None, False, 0, "email")),
        ("Address of customer\na@x.example\n", (None, True, 0, "Address of customer")),
        ("john.example.com\na@x.example\n", (None, False, 0, "email")),
        ("id,E-Mail\n1,a@x.example\n2,b@x.example\n", (",", True, 1, "E-Mail")),
        ("id;name;mail\r\n1;Jo, Dr;a@x.example\r\n", (";", True, 2, "mail")),
        ("1\tJo\ta@x.example\n2\tAl\tb@x.example\n", ("\t", False, 2, "email")),
        ("1|a@x.example|x,y\n2|b@x.example|x,z\n", ("|", False, 1, "email")),
        ("who,contact\nJo,a@x.example\nAl,b@x.example\n", (",", True, 1, "contact")),
        ("\n\n  \nemail,n\na@x.example,1\n", (",", True, 0, "email")),
        ('"email","note"\n"a@x.example","one\ntwo; three"\n', (",", True, 0, "email")),
        ("a@x.example,1,2\nb@x.example,1\nc@x.example\n", (",", False, 0, "email")),
        ("email,backup email\na@x.example,b@x.example\n", (",", True, 0, "email")),
        ("contact.email,n\na@x.example,1\n", (",", True, 0, "contact.email")),
        ("email,a@x.example\nemail,b@x.example\n", (",", False, 1, "email")),
        ("email\nJo\nAl\n", (None, True, 0, "email")),
        ("a@x.example\nAl\nb@x.example\nb at x.example\n", (None, False, 0, "email")),
        ("contacts\na@x.example\nn/a\n", (None, True, 0, "contacts")),
        ("", (None, False, 0, "email")),
    ],
)
def test_ordinary_files_are_understood(
    tmp_path: Path, content: str, expected: tuple[str | None, bool, int, str]
) -> None:
    """Files as people export them need no options."""
    dialect = detected(tmp_path, content)
    assert (dialect.delimiter, dialect.header, dialect.column_index, dialect.column_name) == expected


def test_ip_addresses_are_found_by_form_and_name(tmp_path: Path) -> None:
    """A proxy list is recognised by IP addresses, and a column named for them wins over one that holds them, too."""
    assert detected(tmp_path, "seen,host\n1,192.0.2.1\n2,2001:db8::1\n", Kind.PROXY).column_name == "host"
    assert detected(tmp_path, "server,IP Address\n192.0.2.9,192.0.2.1\n", Kind.PROXY).column_name == "IP Address"


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (Kind.URL, "https://example.com/a,b\nhttps://example.com/c\n", (None, False, 0)),
        (Kind.URL, "url\nhttps://example.com/a,b\nhttps://example.com/c,d\n", (None, True, 0)),
        (Kind.URL, "url,visits\nhttps://example.com/a,5\nhttps://example.com/c,6\n", (",", True, 0)),
        (Kind.URL, "page of the shop,visits\nhttps://example.com/a,5\nhttps://example.com/c,6\n", (",", True, 0)),
        (Kind.URL, "5,https://example.com/a\n6,https://example.com/c\n", (",", False, 1)),
        (Kind.URL, "https://example.com/a;seen\nhttps://example.com/c;not seen\n", (";", False, 0)),
        (Kind.PHONE, "+1 202 555 0143\n(202) 555-0199\n", (None, False, 0)),
        (Kind.PHONE, "name;Phone Number\nJo;+1 202 555 0143\n", (";", True, 1)),
        (Kind.PHONE, "name;reached at\nJo;+1 202 555 0143\n", (";", True, 1)),
        (Kind.LEAKED_EMAIL, "id,Email\n1,jo@example.com\n", (",", True, 1)),
        (Kind.LEAKED_USERNAME, "jo\nal\n", (None, False, 0)),
        (Kind.LEAKED_USERNAME, "id,login\n1,jo\n2,al\n", (",", True, 1)),
        (Kind.LEAKED_PASSWORD, "correct horse\nbattery,staple\n", (None, False, 0)),
        (Kind.LEAKED_PASSWORD, "password\na,b\nc\n", (None, True, 0)),
        (Kind.LEAKED_PASSWORD, "user;password\njo;a b\n", (";", True, 1)),
    ],
)
def test_lists_of_every_kind_are_understood(
    tmp_path: Path, kind: Kind, content: str, expected: tuple[str | None, bool, int]
) -> None:
    """Each kind's values and column names decide; what has no form is found by the column's name."""
    dialect = detected(tmp_path, content, kind)
    assert (dialect.delimiter, dialect.header, dialect.column_index) == expected


@pytest.mark.parametrize(
    ("kind", "content", "form"),
    [
        (Kind.EMAIL, "Jo\nAl\n", "no kind that has a form"),
        (Kind.EMAIL, "192.0.2.1\n192.0.2.2\na@x.example\n", "proxy"),
        (Kind.LEAKED_EMAIL, "+1 202 555 0143\n", "phone"),
        (Kind.PROXY, "ann@x.example\nbob@x.example\n", "email"),
        (Kind.URL, "url\nhttps://example.com\n", None),
        (Kind.URL, "email\nann@x.example\n", "email"),
        (Kind.URL, "domain\nexample.com\n", None),
        (Kind.PHONE, "https://example.com/a\n", "url"),
    ],
)
def test_an_only_column_of_another_kind_has_to_be_asked_for(
    tmp_path: Path, kind: Kind, content: str, form: str | None
) -> None:
    """One column is refused with what it looks like and the way out, unless most values or its name are of the kind."""
    if form is not None:
        with pytest.raises(WrongKind, match=rf"look like {kind.value}; most look like {form}\..*options\.column to 0"):
            detected(tmp_path, content, kind)
    assert detected(tmp_path, content, kind, Options(column=0)).column_index == 0
    assert form is not None or detected(tmp_path, content, kind).column_index == 0


def test_commas_that_may_belong_to_urls_are_not_guessed(tmp_path: Path) -> None:
    """Where every line is a URL with a comma and nothing else tells, the delimiter has to be given; a tab says none."""
    content = "https://example.com/a,5\nhttps://example.com/c,6\n"
    with pytest.raises(DelimiterUnclear, match=r"set options\.delimiter"):
        detected(tmp_path, content, Kind.URL)
    assert detected(tmp_path, content, Kind.URL, Options(delimiter="\t")).columns == ("url",)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("hunter2,hunter3\nhunter2,hunter3\n", Options()),
        ("hunter2,hunter3\nhunter2,hunter3\n", Options(header=True)),
        ("hunter2,hunter2\nhunter2,hunter3\n", Options(header=True, column=7)),
        ("hunter2,password,pwd\nhunter2,hunter3,hunter4\n", Options()),
        ("hunter2,password\nhunter2,hunter3\n", Options()),
        ("hunter2,password\nhunter2,hunter3\n", Options(column=0)),
    ],
)
def test_passwords_are_in_no_message(tmp_path: Path, content: str, options: Options) -> None:
    """Neither the reasons in the timeline nor an error repeat a cell, even one in the place of a column's name."""
    try:
        said = detected(tmp_path, content, Kind.LEAKED_PASSWORD, options).why
    except InputError as error:
        said = str(error)
    assert "position" in said
    assert "hunter" not in said


@pytest.mark.parametrize(
    ("mark", "codec", "expected"),
    [
        (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),
        (b"", "utf-8", "utf-8"),
    ],
)
def test_byte_order_marks_decide_the_encoding(tmp_path: Path, mark: bytes, codec: str, expected: str) -> None:
    """A mark names the encoding and is no part of the first column's name."""
    dialect = detected(tmp_path, mark + "email,nom\na@x.example,Zoé\n".encode(codec))
    assert (dialect.encoding, dialect.columns) == (expected, ("email", "nom"))


def test_other_encodings_have_to_be_asked_for(tmp_path: Path) -> None:
    """Latin text that is no UTF-8 is refused with its line and the option to set, and read once that is set."""
    content = "email,nom\na@x.example,Zoé\n".encode("cp1252")
    with pytest.raises(EncodingUnclear, match=r"list\.csv: line 2 is not valid utf-8; set options\.encoding"):
        detected(tmp_path, content)
    assert detected(tmp_path, content, options=Options(encoding="Windows-1252")).encoding == "cp1252"


@pytest.mark.parametrize("encoding", ["utf-16", "UTF_32"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_an_order_of_bytes_that_no_mark_tells_has_to_be_asked_for(tmp_path: Path, encoding: str, mark: bytes) -> None:
    """Without a mark of that encoding, the message has the names that do not need one."""
    codec = encoding.lower().replace("_", "-")
    content = mark + "email\na@x.example\n".encode(f"{codec}-le")
    with pytest.raises(EncodingUnclear, match=rf"no byte order mark .* {codec}-le \(as from Windows\) or {codec}-be"):
        detected(tmp_path, content, options=Options(encoding=encoding))
    content = "email\na@x.example\n".encode(f"{codec}-be")
    assert detected(tmp_path, content, options=Options(encoding=f"{codec}-be")).columns == ("email",)


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "unicode_escape", "utf-7", "a\0b"])
def test_an_encoding_that_no_file_has_is_refused(tmp_path: Path, encoding: str) -> None:
    """What Python calls a codec but is no encoding of text files cannot be asked for."""
    with pytest.raises(EncodingUnclear, match=r"no encoding of text files"):
        detected(tmp_path, "a@x.example\n", options=Options(encoding=encoding))


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"PK\x03\x04rest of a workbook", "save the sheet as CSV"),
        (b"\x1f\x8b\x08rest", "compressed with gzip twice; compress it once"),
        ("email\na@x.example\n".encode("utf-16-le"), "set options.encoding to utf-16-le"),
        (b"a@x.example\nb\0@x.example\n", "line 2 holds a NUL character"),
    ],
)
def test_binary_files_are_refused_with_a_remedy(tmp_path: Path, content: bytes, remedy: str) -> None:
    """A workbook, an archive or NUL characters are not text, and the message says what to send in their place."""
    with pytest.raises(NotText, match=remedy):
        detected(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("<!DOCTYPE html>\n<p>Sign in, or write to help@x.example</p>\n", "a web page"),
        ("\n <HTML lang=en>\n", "a web page"),
        ("<!doctype html>\n".encode("utf-16"), "a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<list/>\n', "an XML document"),
        ('{"error": "not found"}\n', "JSON"),
        ('[\n  "a@x.example",\n  "b@x.example"\n]\n', "JSON"),
        ('[{"email": "a@x.example"}]\n', "JSON"),
        ("{\\rtf1 a@x.example}\n", "a word processor's document"),
    ],
)
@pytest.mark.parametrize("header", [None, True, False])
def test_documents_are_no_lists(tmp_path: Path, content: str | bytes, what: str, header: bool | None) -> None:
    """A page or document, such as a host sends in place of a list, is refused, or each of its lines would be paid."""
    with pytest.raises(NotAList, match=f"is {what} and no list"):
        detected(tmp_path, content, options=Options(header=header))


@pytest.mark.parametrize("first", ["<a@x.example>", "[a@x.example]", "{a}@x.example", "<htmlist@x.example>"])
def test_values_in_brackets_are_no_documents(tmp_path: Path, first: str) -> None:
    """A list whose first value has brackets around it is a list."""
    assert not detected(tmp_path, f"{first}\nb@x.example\n").header


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("a,b;c\nd,e;f\n", DelimiterUnclear, r"cannot tell .*\(seen: ',' ';'\); set options\.delimiter"),
        ("a,b,c\nd,e\nf,g,h,i\n", DelimiterUnclear, r"\(seen: ','\)"),
        (
            "x,y\na@x.example,b@x.example\n",
            ColumnUnclear,
            r"columns 'x' \(position 0\), 'y' \(position 1\) could all hold .*set options\.column",
        ),
        ("id,name\n1,Jo\n2,Al\n", ColumnNotFound, r"no column looks like email; .*set options\.column"),
        (
            "email,email\na@x.example,b@x.example\n",
            ColumnUnclear,
            r"columns 'email' \(position 0\), 'email' \(position 1\)",
        ),
    ],
)
def test_ambiguity_is_an_error_with_the_choices(
    tmp_path: Path, content: str, error: type[InputError], message: str
) -> None:
    """Nothing is guessed: the message lists what was seen and the option that decides."""
    with pytest.raises(error, match=message):
        detected(tmp_path, content)


@pytest.mark.parametrize(
    ("options", "column", "header"),
    [
        (Options(column="second"), 1, True),
        (Options(column=" SECOND "), 1, True),
        (Options(column=1), 1, True),
        (Options(column=1, header=False), 1, False),
        (Options(column=0, delimiter=","), 0, True),
    ],
)
def test_options_win_over_what_is_seen(tmp_path: Path, options: Options, column: int, header: bool) -> None:
    """A column is asked for by name, whatever its case, or by position from 0; header and delimiter likewise."""
    dialect = detected(tmp_path, "first,second,third\na@x.example,b@x.example,c@x.example\n", options=options)
    assert (dialect.column_index, dialect.header) == (column, header)


def test_a_column_that_is_not_there_is_refused_without_showing_values(tmp_path: Path) -> None:
    """The columns are listed, but the first row of a file without a header is data and stays out of the message."""
    with pytest.raises(
        ColumnNotFound,
        match=r"options\.column is 'mail', but it has 'column_1' \(position 0\), 'column_2' \(position 1\)",
    ):
        detected(tmp_path, "1,a@x.example\n2,b@x.example\n", options=Options(column="mail"))
    with pytest.raises(ColumnNotFound, match=r"options\.column is 2"):
        detected(tmp_path, "1,a@x.example\n", options=Options(column=2))


@pytest.mark.parametrize("delimiter", ['"', "\n", "\0", "", "ab"])
def test_an_impossible_delimiter_is_no_option(delimiter: str) -> None:
    """A delimiter is one character, and none that CSV needs for itself."""
    with pytest.raises(ValidationError):
        Options(delimiter=delimiter)


def test_why_tells_every_decision(tmp_path: Path) -> None:
    """The words for the timeline name encoding, delimiter, header and column with their reasons."""
    assert detected(tmp_path, "id,mail\n1,a@x.example\n").why == (
        "encoding utf-8 (no byte order mark); delimiter ','; header (the first row names 'mail'); "
        "column 'mail' by its name"
    )


def test_a_dialect_survives_json(tmp_path: Path) -> None:
    """A dialect is kept with its upload and read back equal."""
    dialect = detected(tmp_path, "id,mail\n1,a@x.example\n")
    assert Dialect.model_validate_json(dialect.model_dump_json()) == dialect


def test_only_the_beginning_of_a_large_file_is_looked_at(tmp_path: Path) -> None:
    """A sample that ends inside a character or row is no reason to stumble."""
    row = "Zoé,a@x.example\n"
    content = row * (2 * SAMPLE_BYTES // len(row.encode()))
    for shift in range(4):
        assert detected(tmp_path, "x" * shift + content).column_index == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message names the file, not the folder it was looked for in."""
    with pytest.raises(InputNotFound, match=r"^gone\.csv: there is no such file"):
        detect(tmp_path / "gone.csv", Kind.EMAIL, Options())

"""Which encoding an input has: a byte order mark, else strict UTF-8, else what the request says. Never a guess.

Statistical detectors were wrong on every Latin-1, cp1252 and cp1250 sample they were tried on, so none is used.
"""

from __future__ import annotations

import codecs
import io
import re

from worker.rows.errors import EncodingUnclear, NotAList, NotText

#: Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Encodings of which a file tells the order of bytes by its mark, and these marks.
_MARKED = {"utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)}

#: First bytes of files that people send in place of a text file.
_NOT_TEXT = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV UTF-8"),
    (b"\x1f\x8b", "compressed with gzip twice", "compress it once"),
    (b"%PDF", "a PDF document", "export the list as CSV"),
    (b"\x89PNG", "a picture", "write the list as text"),
    (b"\xff\xd8\xff", "a picture", "write the list as text"),
    (b"GIF89a", "a picture", "write the list as text"),
    (b"BZh91AY&SY", "compressed with bzip2", "decompress it"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "decompress it"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"SQLite format 3", "a database", "export the list as CSV"),
    (b"PAR1\x15", "a Parquet file", "export the list as CSV"),
)

#: How documents begin that are text and no list: every line of theirs would be paid for as a value.
_DOCUMENTS = (
    (
        re.compile(r"\s*<(!doctype|html|head|body)\b", re.IGNORECASE),
        "a web page",
        "read it to see why, and send the list",
    ),
    (re.compile(r"\s*<\?xml\b"), "an XML document", "write one value a line and send that"),
    (re.compile(r'\s*(\[\s*)?[\[{]\s*"'), "JSON", "write one value a line and send that"),
    (re.compile(r"\s*{\\rtf"), "a word processor's document", "save it as plain text and send that"),
)

#: Encodings of Python that are escapes for program text rather than files, or can make invalid text.
_NOT_FOR_FILES = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"})


def find_encoding(start: bytes, name: str, explicit: str | None = None) -> tuple[str, str]:
    """The encoding of the file `name` that begins with `start`, as a codec name, and why.

    Raises `NotText`, or `EncodingUnclear` when `explicit` is no encoding of files or needs
    a mark that is not there. That the whole file really is in the encoding shows when it is read.
    """
    for magic, what, remedy in _NOT_TEXT:
        if start.startswith(magic):
            raise NotText(f"{name} is {what}; {remedy} and send that")
    mark = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
    if explicit is not None:
        codec = _known(explicit, name)
        if start and codec in _MARKED and not start.startswith(_MARKED[codec]):
            raise EncodingUnclear(
                f"{name}: options.encoding is {codec}, and the file has no byte order mark to tell which one; set it "
                f"to {codec}-le (as from Windows) or {codec}-be, or leave it out if the file is UTF-8"
            )
        # The mark of the same encoding is no text; another encoding's may be any two characters.
        return (mark if mark and codec in {"utf-8", mark} else codec), f"encoding {codec} as asked"
    if mark:
        return mark, f"encoding {mark.removesuffix('-sig')} by its byte order mark"
    return "utf-8", "encoding utf-8 (no byte order mark)"


def refuse_document(text: str, name: str) -> None:
    """Raise `NotAList` for a file `name` whose `text` begins like a document that is no list."""
    for beginning, what, remedy in _DOCUMENTS:
        if beginning.match(text):
            raise NotAList(f"{name} is {what} and no list; {remedy}")


def not_in_encoding(name: str, line: int, error: UnicodeError) -> EncodingUnclear:
    """The error for a file whose `line` cannot be decoded. Some codecs only say that, and not which codec they are."""
    told = error.encoding if isinstance(error, UnicodeDecodeError) else ""
    codec = told if told not in {"", "charmap"} else "text in its encoding"
    return EncodingUnclear(
        f"{name}: line {line} is not valid {codec}; "
        "set options.encoding to the file's encoding (such as cp1252), or save it as UTF-8",
    )


def _known(encoding: str, name: str) -> str:
    """The codec name of an encoding that a request names."""
    try:
        codec = codecs.lookup(encoding).name
        with io.TextIOWrapper(io.BytesIO(), encoding=codec):
            pass
    except (LookupError, ValueError):
        codec = "undefined"
    if codec.replace("-", "_") in _NOT_FOR_FILES:
        raise EncodingUnclear(
            f"{name}: options.encoding is {encoding[:40]!r}, which is no encoding of text files; "
            "use utf-8, utf-16-le, cp1252, iso-8859-1 or another that Python knows",
        )
    return codec

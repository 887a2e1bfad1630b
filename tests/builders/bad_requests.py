"""The table of bad requests: texts that are none, and fields that break the contract."""

from __future__ import annotations

import json

from tests.builders.bad_input import bad_field, bad_source, bad_text
from tests.builders.line import IPQS_KEY, WHOISXML_KEY

#: Id of an upload whose records were purged before the table is sent.
PURGED = "purged-1"
#: A producer that may have one row verified on a day.
GREEDY = "greedy"

#: How a request's text is asked for.
_SEND_JSON = "Send one JSON object"

NO_REQUESTS = (
    bad_text("no text", "", "not_json", "character 0", _SEND_JSON),
    bad_text("words", "please verify my list", "not_json", "character 0", _SEND_JSON),
    bad_text("a text that is cut off", '{"version": 1, "account": "ipqs-ma', "not_json", "character 26", _SEND_JSON),
    bad_text("two documents", '{"version": 1}{"version": 1}', "not_json", "Extra data at character 14", _SEND_JSON),
    bad_text("single quotes", "{'version': 1}", "not_json", "double quotes at character 1", _SEND_JSON),
    bad_text("lists in lists in lists", "[" * 50_000, "not_json", "nested too deeply", _SEND_JSON),
    bad_text("objects in objects", '{"a":' * 10_000, "not_json", "nested too deeply", _SEND_JSON),
    bad_text("a field twice", '{"version": 1, "version": 1}', "not_json", "the same field twice", _SEND_JSON),
    bad_text("no number", '{"version": NaN}', "not_json", "NaN is not a JSON number", _SEND_JSON),
    bad_text("an infinite number", '{"version": -Infinity}', "not_json", "-Infinity is not", _SEND_JSON),
    bad_text("a huge number", '{"version": ' + "9" * 5_000 + "}", "not_json", "a number in it is too long", _SEND_JSON),
    bad_text("Latin-1", b'{"version": 1, "label": "caf\xe9"}', "not_json", "byte 28 is not UTF-8", _SEND_JSON),
    bad_text("UTF-16", '{"version": 1}'.encode("utf-16"), "not_json", "byte 0 is not UTF-8", _SEND_JSON),
    bad_text("UTF-7", b"+AHsAIg-version+ACI-: 1+AH0-", "not_json", "character 0", _SEND_JSON),
    bad_text("a byte order mark", b'\xef\xbb\xbf{"version": 1}', "not_json", "byte order mark", _SEND_JSON),
    bad_text("NUL characters", b'{"version"\0: 1}', "not_json", "character 10", _SEND_JSON),
    bad_text("a huge text", '{"label": "' + "x" * 300_000 + '"}', "too_large", "300,013 bytes", "source.path"),
    bad_text("null", "null", "schema", "must be a JSON object", "bulkverify schema"),
    bad_text("a list", '[{"version": 1}]', "schema", "must be a JSON object", "bulkverify schema"),
    bad_text("a string", '"email"', "schema", "must be a JSON object", "bulkverify schema"),
    bad_text("an empty object", "{}", "schema", "version: is missing", "account: is missing", "source: is missing"),
    bad_text("another field name", {"req": "{}"}, "not_json", "no field 'request'", "'req'", "Put the request's JSON"),
    bad_text("a hostile field name", {b"\x1b[2J\xff": b"{}"}, "not_json", "no field 'request'", "'\\x1b[2J"),
)

_LONG = "x" * 101

BAD_FIELDS = (
    bad_field("version 2", {"version": 2}, "version 2", "Send version 1", reason="version"),
    bad_field("version true", {"version": True}, "version true", "Send version 1", reason="version"),
    bad_field("version in quotes", {"version": "1"}, "version: should be 1"),
    bad_field("version null", {"version": None}, "version: is missing"),
    bad_field("no account", {"account": ...}, "account: is missing"),
    bad_field("an account that is a number", {"account": 7}, "account: should be a valid string"),
    bad_field("an account's name with a space", {"account": "ipqs main"}, "account: must be 1 to 40 of A-Z"),
    bad_field("a long account's name", {"account": _LONG}, "account: must be 1 to 40 of A-Z"),
    bad_field("half a surrogate pair", {"account": "\ud800"}, "account: should be text, without halves"),
    bad_field("an unknown account", {"account": "nobody"}, "'nobody'", "ipqs-main", reason="account_unknown"),
    bad_field("a taken id", {"upload_id": "good-0", "kind": "proxy"}, "'good-0'", "another", reason="conflict"),
    bad_field("no kind", {"kind": ...}, "kind: is missing"),
    bad_field("an unknown kind", {"kind": "fax"}, "kind: should be 'email'"),
    bad_field("a kind in capitals", {"kind": "EMAIL"}, "kind: should be 'email'"),
    bad_field(
        "a kind of another provider",
        {"account": "whoisxml-main", "kind": "phone"},
        "cannot verify phone",
        "Its kinds are: email",
        reason="kind_unsupported",
    ),
    bad_field("options that are a list", {"options": ["column"]}, "options: must be a JSON object"),
    bad_field("an unknown option", {"options": {"colum": 1}}, "options.colum: is not a field"),
    bad_field(
        "a column before the first",
        {"options": {"column": -1}},
        "options.column: should be",
        "greater than or equal to 0",
    ),
    bad_field("a column that is a truth value", {"options": {"column": True}}, "options.column:"),
    bad_field("a column without a name", {"options": {"column": ""}}, "options.column: should not be empty"),
    bad_field("a long column's name", {"options": {"column": "x" * 201}}, "options.column: should have at most 200"),
    bad_field("a column far out", {"options": {"column": 10_000}}, "options.column:", "9999"),
    bad_field("a column that is infinite", {"options": {"column": 1e308}}, "options.column:"),
    bad_field("a header in words", {"options": {"header": "yes"}}, "options.header: should be a valid boolean"),
    bad_field("two delimiters", {"options": {"delimiter": ";;"}}, "options.delimiter: must be one ASCII character"),
    bad_field("a quote as delimiter", {"options": {"delimiter": '"'}}, "options.delimiter: must be one ASCII"),
    bad_field("an encoding nobody knows", {"options": {"encoding": "utf-88"}}, "options.encoding: is not the name"),
    bad_field("an encoding of bytes", {"options": {"encoding": "base64"}}, "options.encoding: is not the name"),
    bad_field("a label of two lines", {"label": "a\nb"}, "label: must be text on one line"),
    bad_field("a label that moves the cursor", {"label": "\x1b[2J\x9b2J"}, "label: must be text on one line"),
    bad_field("a label that turns the line", {"label": "\u202egnp.exe"}, "label: must be text on one line"),
    bad_field("a long label", {"label": _LONG}, "label: should have at most 100 characters"),
    bad_field("a producer with a NUL", {"producer": "crm\0"}, "producer: must be text on one line"),
    bad_field("a producer that is null inside", {"producer": {"name": None}}, "producer: should be a valid string"),
    bad_field("an unknown field", {"priority": "high"}, "priority: is not a field of the contract"),
    bad_field("a hostile field", {"\x1b]0;x\x07\n" + "y" * 500: 1}, "]0;x", "…: is not a field of the contract"),
    bad_field("many unknown fields", {f"field{n}": n for n in range(99)}, "field0: is not a field", "and 79 more"),
    bad_field("an id that leads upwards", {"upload_id": ".."}, "upload_id: must be 1 to 100 of"),
    bad_field("an id that is a dot", {"upload_id": "."}, "upload_id: must be 1 to 100 of"),
    bad_field("an empty id", {"upload_id": ""}, "upload_id: must be 1 to 100 of"),
    bad_field("an id with a path in it", {"upload_id": "a/../../etc"}, "upload_id: must be 1 to 100 of"),
    bad_field("an id with a line end", {"upload_id": "crm-1\n"}, "upload_id: must be 1 to 100 of"),
    bad_field("an id with a key in it", {"upload_id": "crm:1:parts"}, "upload_id: must be 1 to 100 of"),
    bad_field("an id that is a picture", {"upload_id": "crm-\N{PILE OF POO}"}, "upload_id: must be 1 to 100 of"),
    bad_field("an id that is a command", {"upload_id": "$(reboot)"}, "upload_id: must be 1 to 100 of"),
    bad_field("a long id", {"upload_id": _LONG}, "upload_id: must be 1 to 100 of"),
    bad_field("an id and the word again", {"upload_id": "crm-1", "again": "2"}, "has both upload_id and again"),
    bad_field("again with a space", {"again": "once more"}, "again: must be 1 to 40 of"),
    bad_field("an unknown method", {"method": "post"}, "method: should be 'auto'"),
    bad_field("a pull of nothing", {"method": "pull"}, "source.remote_url has to name the list"),
    bad_field("an unknown segment", {"segments": ["dirty"]}, "segments.0: should be 'all'"),
    bad_field("a segment twice", {"segments": ["bad", "bad"]}, "segments: names the same segment twice"),
    bad_field("a segment that is a word", {"segments": "bad"}, "segments: should be a valid list"),
    bad_field("again a number", {"again": 2}, "again: should be a valid string"),
    bad_field("an empty word for again", {"again": ""}, "again: must be 1 to 40 of"),
    bad_field("a long word for again", {"again": _LONG}, "again: must be 1 to 40 of"),
    bad_field("a format nobody writes", {"format": "xlsx"}, "format: should be 'csv' or 'jsonl'"),
    bad_field("a format in capitals", {"format": "CSV"}, "format: should be 'csv' or 'jsonl'"),
    bad_field("safe lines of JSON", {"format": "jsonl", "spreadsheet_safe": True}, "has spreadsheet_safe", "leave one"),
    bad_field("safety in words", {"spreadsheet_safe": "yes"}, "spreadsheet_safe: should be a valid boolean"),
    bad_field("screening in words", {"screen": "strict"}, "screen: should be a valid boolean"),
    bad_field("screening as an option", {"options": {"screen": True}}, "options.screen: is not a field"),
    bad_field("reuse of no age", {"reuse": 0}, "reuse: should be greater than 0"),
    bad_field("reuse of any age", {"reuse": 8_761}, "reuse: should be less than or equal to 8760"),
    bad_field("reuse that is a word", {"reuse": "24"}, "reuse: should be a valid number"),
    bad_field("reuse that is a truth", {"reuse": True}, "reuse: should be a valid number"),
    bad_field("reuse of passwords", {"reuse": 24, "kind": "leaked_password"}, "has passwords and reuse", "use"),
    bad_field(
        "passwords as rows of Redis", {"result": "rows", "kind": "leaked_password"}, "wants rows as result", "use"
    ),
    bad_field(
        "a form where there is none",
        {"method": "form", "account": "whoisxml-main"},
        "cannot be sent a list by the method form",
        "Its methods are: json",
        reason="method_unsupported",
    ),
    bad_field(
        "a segment where there is none",
        {"segments": ["clean"], "account": "whoisxml-main"},
        "gives no segment clean",
        "every row without any",
        reason="segment_unsupported",
    ),
    bad_field("a key of the workers", {"label": IPQS_KEY}, "holds an API key", "renew it", reason="secret_inside"),
    bad_field("a key as a name", {WHOISXML_KEY: 1}, "holds an API key", "Take it out", reason="secret_inside"),
    bad_field(
        "a key spelled in hexadecimal",
        {"upload_id": IPQS_KEY.encode().hex()},
        "nothing of it was kept",
        "Take it out",
        reason="secret_inside",
    ),
    bad_field(
        "a purged id for another list",
        {"upload_id": PURGED, "options": {"header": True}},
        f"'{PURGED}'",
        "another upload_id",
        reason="conflict",
    ),
    bad_field(
        "more rows than the day has",
        {"source": {"rows": ["ann@example.com", "bob@example.com"]}, "producer": GREEDY},
        f"'{GREEDY}' may have 1 rows a day",
        "split the list",
        reason="producer_quota",
    ),
    bad_field("a result elsewhere", {"result": "mail"}, "result: should be 'storage' or 'rows'"),
)

_TWO = {"path": "/srv/a.csv", "url": "file:///srv/a.csv"}

BAD_SOURCES = (
    bad_field("no source", {"source": ...}, "source: is missing"),
    bad_field("a source that is a path", {"source": "/srv/a.csv"}, "source: must be a JSON object"),
    bad_source("an empty source", {}, "source: must have exactly one of path, rows, url, remote_url"),
    bad_source("a source of nulls", {"path": None}, "source: must have exactly one of"),
    bad_source("two sources", _TWO, "source: must have exactly one of"),
    bad_source("an unknown source", {"bucket": "lists"}, "source.bucket: is not a field"),
    bad_source("a path that is a number", {"path": 7}, "source.path: should be a valid string"),
    bad_source("a relative path", {"path": "lists/a.csv"}, "source.path: must be an absolute path"),
    bad_source("a path with a NUL", {"path": "/srv/a\0.csv"}, "source.path: must be an absolute path"),
    bad_source("a long path", {"path": "/" + "x" * 4_096}, "source.path: should have at most 4,096 characters"),
    bad_source(
        "a path that is not UTF-8", {"path": "/srv/caf\udce9.csv"}, "source.path: should be text, without halves"
    ),
    bad_source("no rows", {"rows": []}, "source.rows: should not be empty"),
    bad_source("a row that is a number", {"rows": ["a@example.com", 7]}, "source.rows.1: should be a valid string"),
    bad_source("a row that is a list", {"rows": [["a@example.com"]]}, "source.rows.0: should be a valid string"),
    bad_source("a long row", {"rows": ["x" * 4_097]}, "source.rows.0: should have at most 4,096 characters"),
    bad_source("many rows", {"rows": ["a"] * 5_001}, "source.rows: should have at most 5,000 entries"),
    bad_source("a row of two lines", {"rows": ["a", "b\nc"]}, "source.rows.1: must be text on one line"),
    bad_source("a row with a carriage return", {"rows": ["a\r"]}, "source.rows.0: must be text on one line"),
    bad_source("a row with a NUL", {"rows": ["a", "b\0"]}, "source.rows.1: must be text on one line"),
    bad_source("half a pair in a row", {"rows": ["\ud800"]}, "source.rows.0: should be text, without halves"),
    bad_source("a row that is null", {"rows": [None]}, "source.rows.0: should be a valid string"),
    bad_source("rows that are a text", {"rows": "a@example.com"}, "source.rows: should be a valid list"),
    bad_source("rows that are an object", {"rows": {"email": "a"}}, "source.rows: should be a valid list"),
    bad_field(
        "rows of blanks",
        {"source": {"rows": ["", " ", "\t"]}},
        "rows of the request",
        "3 rows",
        "check",
        reason="empty",
    ),
    bad_source("rows with options", {"rows": ["a"]}, "has options", "source.rows", options={"header": True}),
    bad_source(
        "passwords in rows", {"rows": ["hunter2"]}, "passwords in source.rows", "into a file", kind="leaked_password"
    ),
    bad_source("a URL without a scheme", {"url": "//srv/a.csv"}, "source.url: must be a URL"),
    bad_source("a URL with a password", {"url": "s3://crm:hunter2@b/a"}, "source.url: has a user", "without"),
    bad_source("a URL with a query", {"url": "s3://b/a?sig=hunter2"}, "source.url: has a user, a query", "without"),
    bad_source("half an address", {"remote_url": "https://[::1/a"}, "source.remote_url: is not a URL"),
    bad_source(
        "a remote file",
        {"remote_url": "ftp://files.example.com/a"},
        "source.remote_url: must be a URL in ASCII characters that",
    ),
    bad_source("a remote user", {"remote_url": "https://crm:hunter2@x.example/a"}, "source.remote_url: has a user"),
    bad_source("a remote token", {"remote_url": "https://x.example/a?token=hunter2"}, "remote_url: has a user"),
)

#: Requests whose rejection must not repeat the word that stands for a secret in them.
SECRET = "hunter2"


def entry_fields(sent: object) -> dict[bytes | str, bytes | str]:
    """The fields of the stream's entry for what a row of the table sends."""
    match sent:
        case dict():
            return sent
        case str() | bytes():
            return {"request": sent}
        case _:
            raise TypeError(json.dumps(str(type(sent))))

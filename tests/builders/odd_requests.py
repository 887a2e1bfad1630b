"""Requests that somebody could send: strategies from a right one, through every source and wish, to arbitrary bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.builders.bad_places import ELSEWHERE, SITE
from tests.builders.line import IPQS_KEY
from tests.builders.odd_answers import ODD_VALUES, altered

if TYPE_CHECKING:
    from tests.builders.bad_input import Ground

#: Fields of an entry of the stream.
Entry = dict[Any, Any]

#: A producer with a quota that lists of three rows are over.
GREEDY = "greedy"

#: A request with everything in it that fits together.
WHOLE = {
    "version": 1,
    "upload_id": "crm-1",
    "account": "ipqs-main",
    "kind": "email",
    "source": {"path": "{inside}/list.csv"},
    "options": {"column": 0, "header": True, "delimiter": ",", "encoding": "utf-8"},
    "method": "auto",
    "segments": ["clean"],
    "result": "storage",
    "label": "newsletter",
    "producer": "crm",
}

_PATHS = ["/list.csv", "/list.csv", "/gone.csv", "/../list.csv", "/list.csv/x", "/", "/none.csv", "/\x1b[2J\n", ""]
_OBJECTS = ["/list.csv", "/list.csv", "/gone.csv", "/crm", "", "/../x", "/%6cist.csv", "/\u202e", "?a=b"]
_HOSTS = ["http://{nobody}/a.csv", f"http://{ELSEWHERE}/a.csv", "https://x.example/a", "https://[::1/", "http://"]
_ROW = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["ann@example.com", "bob@example.com", "", " ", "a,b", '"', "\ufeff", "\x85", "x" * 600, "\0", "\n"]
    ),
)

SOURCES = st.one_of(
    st.sampled_from(_PATHS).map(lambda path: {"path": "{inside}" + path}),
    st.lists(_ROW, max_size=6).map(lambda rows: {"rows": rows}),
    st.sampled_from(_OBJECTS).map(lambda name: {"url": "{inputs}" + name}),
    st.sampled_from([*SITE, "/gone.csv"]).map(lambda target: {"remote_url": "{site}" + target}),
    st.sampled_from(_HOSTS).map(lambda url: {"remote_url": url}),
)

#: Wishes that the contract takes, each alone.
_WISHES = st.fixed_dictionaries(
    {},
    optional={
        "segments": st.lists(st.sampled_from(["all", "pristine", "clean", "bad"]), max_size=2, unique=True),
        "result": st.sampled_from(["storage", "rows"]),
        "screen": st.booleans(),
        "format": st.sampled_from(["csv", "jsonl"]),
        "spreadsheet_safe": st.booleans(),
        "reuse": st.sampled_from([None, 1, 0.5, 8_760]),
        "label": st.sampled_from(["news", "=cmd|x", "\N{PILE OF POO}"]),
        "producer": st.sampled_from(["crm", GREEDY, ""]),
    },
)

#: Fields that exist, whatever is in them.
_FIELDS = st.dictionaries(
    st.sampled_from([*WHOLE, "again", "rows", "priority", "\ud800", "x" * 300]), ODD_VALUES, max_size=8
)


@st.composite
def likely(draw: st.DrawFn) -> dict[str, Any]:
    """A request that the contract takes in most cases; what it asks for need not be there, or be possible."""
    source = draw(SOURCES)
    request: dict[str, Any] = {
        "version": 1,
        "account": draw(st.sampled_from(["ipqs-main"] * 5 + ["whoisxml-main"] * 2 + ["nobody"])),
        "kind": draw(st.sampled_from(["email"] * 5 + ["proxy", "phone", "leaked_password"])),
        "source": source,
        **draw(_WISHES),
    }
    match draw(st.sampled_from(["nothing", "id", "again"])):
        case "id":
            request["upload_id"] = draw(st.sampled_from(["crm-1", "crm-2", "crm-3"]))
        case "again":
            request["again"] = draw(st.sampled_from(["2", "3", "x" * 40]))
    methods = ["auto", "auto", "form", "json", *(["pull"] * 2 if "remote_url" in source else [])]
    request["method"] = draw(st.sampled_from(methods))
    if "rows" not in source:
        options = [{}, {}, {"header": True}, {"header": False}, {"column": 1}, {"encoding": "utf-16"}]
        request["options"] = draw(st.sampled_from(options))
    return request


@st.composite
def requests(draw: st.DrawFn) -> str:
    """The text of a request: mostly one that is likely, else an altered one, or one of odd fields, or cut off."""
    match draw(st.sampled_from(["likely"] * 4 + ["altered", "altered", "whole", "fields", "key", "cut"])):
        case "likely":
            request = draw(likely())
        case "altered":
            request = draw(altered(draw(likely())))
        case "whole":
            request = draw(altered(WHOLE))
        case "fields":
            request = draw(_FIELDS)
        case "key":
            request = draw(likely()) | {"label": IPQS_KEY}
        case _:
            text = json.dumps(draw(likely()))
            return text[: draw(st.integers(0, len(text)))]
    return json.dumps(request)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """The fields of an entry of the stream: nearly always a request, else bytes, any JSON or other fields."""
    match draw(st.sampled_from(["request"] * 12 + ["bytes", "json", "fields"])):
        case "request":
            return {"request": draw(requests())}
        case "bytes":
            return {"request": draw(st.binary(max_size=300))}
        case "json":
            return {"request": json.dumps(draw(ODD_VALUES))}
        case _:
            names = st.binary(min_size=1, max_size=40)
            return draw(st.dictionaries(names, st.binary(max_size=40), min_size=1, max_size=3))


ENTRIES = entries()


def placed(sent: Entry, ground: Ground) -> Entry:
    """An entry with the ground's places for their names in braces."""
    places = {
        "{inside}": str(ground.inside),
        "{inputs}": ground.inputs.as_uri(),
        "{site}": ground.site,
        "{nobody}": ground.nobody,
    }
    return {name: _filled(text, places) for name, text in sent.items()}


def _filled(text: Any, places: dict[str, str]) -> Any:
    if isinstance(text, str):
        for name, place in places.items():
            text = text.replace(name, place)
    return text

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

#: Requests whose every field could be right, alone.
LIKELY = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "account": st.sampled_from(["ipqs-main", "ipqs-main", "ipqs-main", "whoisxml-main", "nobody"]),
        "kind": st.sampled_from(["email", "email", "email", "proxy", "phone", "leaked_password"]),
        "source": SOURCES,
    },
    optional={
        "upload_id": st.sampled_from(["crm-1", "crm-2", "crm-3", "auto-1", ".."]),
        "options": st.sampled_from([{}, {"header": True}, {"header": False}, {"column": 1}, {"encoding": "utf-16"}]),
        "method": st.sampled_from(["auto", "form", "json", "pull", "post"]),
        "segments": st.lists(st.sampled_from(["pristine", "clean", "bad"]), max_size=3),
        "result": st.sampled_from(["storage", "rows", "mail"]),
        "again": st.sampled_from(["2", "3", "", "once more", "x" * 41]),
        "label": st.sampled_from(["news", "\x1b[2J", IPQS_KEY]),
        "producer": st.sampled_from(["crm", GREEDY, ""]),
    },
)

#: Fields that exist, whatever is in them.
_FIELDS = st.dictionaries(
    st.sampled_from([*WHOLE, "again", "rows", "priority", "\ud800", "x" * 300]), ODD_VALUES, max_size=8
)


@st.composite
def requests(draw: st.DrawFn) -> str:
    """The text of a request: one that is likely, an altered one, or one of odd fields; now and then cut off."""
    likely = draw(LIKELY)
    request = draw(st.one_of(st.just(likely), altered(likely), altered(WHOLE), _FIELDS))
    text = json.dumps(request)
    cut = draw(st.one_of(*[st.none()] * 9, st.integers(0, len(text))))
    return text if cut is None else text[:cut]


ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    *[requests().map(lambda text: {"request": text})] * 5,
    st.binary(max_size=300).map(lambda raw: {"request": raw}),
    st.recursive(ODD_VALUES, st.lists).map(lambda value: {"request": json.dumps(value)}),
    st.dictionaries(st.binary(min_size=1, max_size=40), st.binary(max_size=40), min_size=1, max_size=3),
)


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

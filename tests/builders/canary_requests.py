"""Requests in which a producer has put a secret: the workers' keys anywhere, and secrets of its own in a URL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.builders.canary_site import Canarium


class Mistake(NamedTuple):
    """The JSON text of a request, and the reason for which it is rejected."""

    text: str
    reason: str


def mistaken_requests(site: Canarium) -> dict[str, Mistake]:
    """Every such request by what is wrong with it."""
    keys, host = site.keys, site.lists.place
    given = f"http://{host}/given/list.csv"
    inside: dict[str, dict[str, Any]] = {
        "unknown field": {"api_key": keys.ipqs},
        "account": {"account": keys.ipqs},
        "upload id": {"upload_id": keys.whoisxml},
        "again": {"again": keys.ipqs},
        "label": {"label": f"with {keys.whoisxml}"},
        "producer": {"producer": keys.password},
        "column": {"options": {"column": keys.ipqs}},
        "one row": {"source": {"rows": ["a@example.com", keys.ipqs]}},
        "part of a row": {"source": {"rows": [f"{keys.whoisxml}@example.com"]}},
        "path": {"source": {"path": f"/srv/{keys.ipqs}.csv"}},
        "place of a URL": {"source": {"remote_url": f"http://{host}/given/{quote(keys.ipqs, safe='')}"}},
        "query of a URL": {"source": {"remote_url": f"{given}?key={quote(keys.ipqs, safe='')}"}},
        "storage": {"source": {"url": f"s3://{quote(keys.whoisxml, safe='')}@bucket/inputs/a.csv"}},
    }
    foreign = quote(keys.foreign, safe="")
    outside = {
        "user": {"remote_url": f"http://user:{foreign}@{host}/given/list.csv"},
        "signature": {"remote_url": f"{given}?signature={foreign}"},
        "fragment": {"remote_url": f"{given}#{foreign}"},
        "signed object": {"url": f"s3://bucket/inputs/a.csv?X-Amz-Signature={foreign}"},
    }
    found = {f"key as {name}": Mistake(_text(fields), "secret_inside") for name, fields in inside.items()}
    found["key, escaped"] = Mistake(_text({"again": "?"}).replace("?", _escaped(keys.ipqs)), "secret_inside")
    found["key, no JSON"] = Mistake(f"IPQS_KEY={keys.ipqs}", "secret_inside")
    found |= {f"URL with {name}": Mistake(_text({"source": source}), "schema") for name, source in outside.items()}
    answers = {"elsewhere": "unreadable", "refused": "unreadable", "cut": "source_unavailable"}
    for does, reason in answers.items():
        found[f"host: {does}"] = Mistake(_text({"source": {"remote_url": f"http://{host}/{does}/a.csv"}}), reason)
    return found


def _text(fields: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "account": "good", "kind": "email", "source": {"path": "/x"}} | fields)


def _escaped(text: str) -> str:
    """JSON's longest spelling."""
    return "".join(rf"\u{ord(character):04x}" for character in text)

"""IPQualityScore's addresses: which paths it answers, and where it says that it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Operation, allowed methods, path. A key is optional in the path except for status and account (documented). A GET
#: submits where the URL of a list is a parameter (documented).
ROUTES = (
    (
        "submit",
        {"GET", "POST"},
        re.compile(r"/api/(?P<format>json|xml)/csv(?:/(?P<key>[^/]+)/(?P<type>[^/]+))?/upload"),
    ),
    ("status", {"GET"}, re.compile(r"/api/(?P<format>json|xml)/csv/(?P<key>[^/]+)/status/(?P<id>[0-9]{1,18})")),
    ("list", {"GET"}, re.compile(r"/api/(?P<format>json|xml)/csv(?:/(?P<key>[^/]+))?/list")),
    ("credits", {"GET"}, re.compile(r"/api/(?P<format>json|xml)/account/(?P<key>[^/]+)")),
    ("download", {"GET"}, re.compile(r"/download")),
)


@dataclass(slots=True)
class Addresses:
    """Where the provider says that it is, in links that it hands out."""

    #: Holds `/api` (documented: samples name the `www` host).
    root: str = "https://www.ipqualityscore.com"
    download: str = "https://downloads.ipqualityscore.com/download"

"""The URLs of storage: a folder of this host, or a part of a bucket in an object store."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from config.endpoints import checked_url

#: Schemes of object stores: S3 and what speaks its protocol, Azure Blob Storage, Google Cloud Storage.
CLOUD_SCHEMES = ("s3", "az", "gs")
#: What a URL of storage may look like, for messages.
EXAMPLES = "file:///var/lib/bulkverify/storage or s3://bucket/folder"
#: Longest prefix inside a bucket, in characters: with the longest object name it stays below the stores' 1,024 bytes.
PREFIX_CHARACTERS_MAX = 400

#: Documented: S3's rules for names of buckets; containers of the others are a subset or cannot be told apart by shape.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class Place(NamedTuple):
    """Where storage is: a folder (`scheme` is `file`), or a prefix, which may be empty, in a bucket."""

    scheme: str
    bucket: str
    path: str


def parsed(url: str) -> Place:
    """The place that a URL names. Raises `ValueError`, which never repeats the URL: it may hold credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"is not a URL such as {EXAMPLES}") from None
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
            raise ValueError(f"names a folder with a host, query or fragment; write it such as {EXAMPLES}")
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"does not name an absolute folder of this host, such as {EXAMPLES}")
        return Place("file", "", path)
    if parts.scheme not in CLOUD_SCHEMES:
        raise ValueError(f"does not begin with file://, s3://, az:// or gs://; write it such as {EXAMPLES}")
    prefix = parts.path.strip("/")
    if (
        not _BUCKET.fullmatch(parts.netloc)
        or parts.query
        or parts.fragment
        or len(prefix) > PREFIX_CHARACTERS_MAX
        or not all(_SEGMENT.fullmatch(segment) for segment in prefix.split("/") if prefix)
    ):
        raise ValueError(
            "does not name a bucket and a folder of letters, digits, '.', '_' and '-', without credentials, such as "
            f"{EXAMPLES}; credentials belong into the variables of the store's vendor"
        )
    return Place(parts.scheme, parts.netloc, prefix)


def checked(url: str) -> str:
    """`url` without trailing slashes. Raises `ValueError` as `parsed` does."""
    parsed(url)
    return url.rstrip("/")


def checked_endpoint(url: str | None) -> str | None:
    """The address of an object store, without a trailing slash. Raises `ValueError`."""
    return None if url is None else checked_url(url)

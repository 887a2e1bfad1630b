"""Where the list of a request is: a file, the request itself, the workers' storage, or the provider's reach."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from producers.checked import Checked
from producers.contract import INLINE_ROWS_MAX, INLINE_VALUE_CHARS_MAX, PATH_CHARS_MAX, URL_CHARS_MAX

#: A URL behind its scheme, which is repeated in messages: printable characters of ASCII, no others and no space.
_REST = "[!-~]+"


class Source(Checked):
    """Where the list is: exactly one of the fields."""

    path: Annotated[
        str | None,
        Field(
            description=(
                "Absolute path of a text file that the workers can open, inside one of their input roots; it may be "
                "compressed with gzip, as the files of the other fields may."
            ),
            pattern=r"^/[^\x00]*$",
            max_length=PATH_CHARS_MAX,
            examples=["/srv/lists/newsletter.csv"],
        ),
    ] = None
    rows: Annotated[
        list[Annotated[str, Field(max_length=INLINE_VALUE_CHARS_MAX, pattern=r"^[^\r\n\x00]*$")]] | None,
        Field(
            description="The values themselves, one a row, without line breaks: for small lists.",
            min_length=1,
            max_length=INLINE_ROWS_MAX,
            examples=[["ann@example.com", "bob@example.com"]],
        ),
    ] = None
    url: Annotated[
        str | None,
        Field(
            description="URL of a text file in the folder `inputs` of the workers' storage.",
            pattern=rf"^[a-z][a-z0-9+.-]{{0,19}}://{_REST}$",
            max_length=URL_CHARS_MAX,
            examples=["file:///var/lib/bulkverify/storage/inputs/newsletter.csv"],
        ),
    ] = None
    remote_url: Annotated[
        str | None,
        Field(
            description=(
                "URL of a text file on a host that the workers allow, which they read and the provider may pull. It "
                "carries no credentials: neither user nor query."
            ),
            pattern=rf"^https?://{_REST}$",
            max_length=URL_CHARS_MAX,
            examples=["https://files.example.com/newsletter.csv"],
        ),
    ] = None

    @field_validator("url", "remote_url")
    @classmethod
    def _without_credentials(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            plain = parts.username is None and parts.password is None
        except ValueError:
            raise ValueError("is not a URL") from None
        if not plain or parts.query or parts.fragment or "?" in url or "#" in url:
            raise ValueError("has a user, a query or a fragment, which may be secrets; give a URL without")
        return url

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"must have exactly one of {', '.join(type(self).model_fields)}")
        return self

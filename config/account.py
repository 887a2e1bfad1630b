"""One account: credentials at a provider and their limits, as every part of the program receives them.

`config.accounts` reads them from a file; a key is resolved from its reference before an `Account` exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from config import endpoints
from config.fields import Doc
from config.verdict_rules import KINDS, RULES_MAX, VerdictRule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Characters an account's name may have, and how many: it is a metric label and part of Redis keys.
NAME_PATTERN = r"^[A-Za-z0-9_-]{1,40}$"

#: Rows that WhoisXML takes in one request at most (documented).
WHOISXML_PART_ROWS_MAX = 50_000

ProviderName = Literal["ipqs", "whoisxml"]
#: `header`: an HTTP header · `path`: the address · `param`: a parameter, in the body where there is one, else in the
#: query · `json`: a field of JSON bodies, else the address · `body`: the JSON body that every call has.
KeyIn = Literal["header", "path", "param", "json", "body"]

#: The version of WhoisXML's verification, or `omit` to send none and get what the provider takes for granted.
VerificationVersion = Literal[2, 3, "omit"]
ListOrder = Literal["asc", "desc"]
#: What follows when it is proven that an attempt of unknown outcome made no job: the next attempt, or a person's word.
WhenAbsent = Literal["resubmit", "ask"]

#: Where each provider accepts its key, the best place first: that one is the default.
KEY_PLACES: Mapping[str, tuple[KeyIn, ...]] = {"ipqs": ("header", "path", "param", "json"), "whoisxml": ("body",)}


def _best_key_place(validated: dict[str, Any]) -> KeyIn:
    return KEY_PLACES[validated["provider"]][0]


class Timeouts(BaseModel):
    """How long one HTTP call may wait at each of its stages, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    connect_seconds: Annotated[float, Doc("for a connection", "seconds", "10"), Field(gt=0, le=600)] = 10.0
    send_seconds: Annotated[float, Doc("for a block of the body to be taken", "seconds", "60"), Field(gt=0, le=600)] = (
        60.0
    )
    read_seconds: Annotated[float, Doc("for the next bytes of an answer", "seconds", "60"), Field(gt=0, le=600)] = 60.0


class Account(BaseModel):
    """One account, complete: the key is resolved, and what was not given is filled in for the provider and base URL."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Doc("the name", "1 to 40 of A-Z a-z 0-9 _ -", "main"), Field(pattern=NAME_PATTERN)]
    provider: Annotated[ProviderName, Doc("who verifies", "a word", '"ipqs"')]
    key: Annotated[SecretStr, Doc("the API key, by reference", "a reference", 'key_env = "IPQS_KEY"')]
    #: Allows `http://` to other hosts than this one: keys and lists then travel readable.
    insecure: Annotated[bool, Doc("allow http:// beyond this host", "a truth value", "true")] = False
    base_url: Annotated[str, Doc("root of the API", "URL", '"https://www.ipqualityscore.com/api"')] = Field(
        default_factory=endpoints.default_base_url
    )
    #: Where WhoisXML answers for credits; `None` at IPQS, which does so under its base URL.
    balance_url: Annotated[
        str | None, Doc("where the balance is told", "URL", f'"{endpoints.WHOISXML_BALANCE_URL}"')
    ] = Field(default_factory=endpoints.default_balance_url)
    #: Host names, without ports, from which results may be downloaded. Empty at WhoisXML, which has no links.
    download_hosts: Annotated[tuple[str, ...], Doc("hosts of links", "host names", '["downloads.example.com"]')] = (
        Field(default_factory=endpoints.default_download_hosts, max_length=20)
    )
    requests_per_second: Annotated[float, Doc("most calls", "calls per second", "2"), Field(gt=0, le=1000)] = 2.0
    #: Remote jobs that may be unfinished at once.
    max_active: Annotated[int, Doc("most open jobs", "remote jobs", "20"), Field(ge=1, le=10_000)] = 20
    #: Rows of the largest part; `None`: as many as the provider takes.
    max_part_rows: Annotated[int | None, Doc("largest part", "rows", "50000"), Field(ge=1, le=10_000_000)] = None
    #: Rows that may be submitted on one day (UTC); `None`: no limit. No part is made larger than this.
    rows_per_day_max: Annotated[int | None, Doc("most rows of a day", "rows", "1000000"), Field(ge=1, le=10**12)] = None
    when_absent: Annotated[
        WhenAbsent, Doc("what follows an attempt that is proven to have made no job", "a word", '"resubmit"')
    ] = "resubmit"
    #: Before the built-in rules, in this order: the first one that applies decides.
    verdicts: Annotated[
        tuple[VerdictRule, ...],
        Doc(
            "rules of the account's own for verdicts",
            "a list of tables",
            '[{ kind = "email", column = "fraud_score", at_least = 90, verdict = "bad" }]',
        ),
        Field(max_length=RULES_MAX),
    ] = ()
    timeouts: Annotated[Timeouts, Doc("how long calls wait", "a table", "{ read_seconds = 60 }")] = Timeouts()
    key_in: Annotated[KeyIn, Doc("where a call carries the key", "a word", '"header"')] = Field(
        default_factory=_best_key_place
    )
    #: WhoisXML only. The provider announced the end of version 2.
    verification_version: Annotated[
        VerificationVersion, Doc("version of the verification", "a number or a word", "3")
    ] = 3
    #: WhoisXML only; at IPQS a page has 50 rows, always.
    list_page_rows: Annotated[int, Doc("jobs on a page of the list", "rows", "50"), Field(ge=10, le=50)] = 50
    #: WhoisXML only; IPQS lists the newest first. Oldest first, pages that were read do not shift under new jobs.
    list_order: Annotated[ListOrder, Doc("order of the list", "a word", '"asc"')] = "asc"

    @property
    def part_rows_max(self) -> int | None:
        """Rows of the largest part that is made for the account: one larger than a day's budget could never be sent."""
        limits = (self.max_part_rows, self.rows_per_day_max)
        return min((rows for rows in limits if rows is not None), default=None)

    @field_validator("base_url", "balance_url")
    @classmethod
    def _check_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        url = endpoints.checked_url(url)
        if not info.data.get("insecure") and not endpoints.is_private_line(url):
            raise ValueError("is an http:// URL of another host, where the key would travel readable")
        return url

    @field_validator("balance_url")
    @classmethod
    def _check_balance_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and info.data.get("provider") == "ipqs":
            raise ValueError("is given, but ipqs tells its credits under base_url")
        return url

    @field_validator("download_hosts")
    @classmethod
    def _check_download_hosts(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if hosts and info.data.get("provider") == "whoisxml":
            raise ValueError("is given, but whoisxml has no download links")
        return tuple(endpoints.checked_host(host) for host in hosts)

    @field_validator("key_in")
    @classmethod
    def _check_key_in(cls, place: KeyIn, info: ValidationInfo) -> KeyIn:
        provider = info.data.get("provider")
        if provider and place not in KEY_PLACES[provider]:
            raise ValueError(f"is not where {provider} takes a key, which is: {', '.join(KEY_PLACES[provider])}")
        return place

    @field_validator("verification_version", "list_page_rows", "list_order")
    @classmethod
    def _check_whoisxml_only(cls, value: int | str, info: ValidationInfo) -> int | str:
        if info.data.get("provider") == "ipqs":
            raise ValueError("is given, but ipqs has nothing of the kind to choose")
        return value

    @field_validator("verdicts")
    @classmethod
    def _check_verdicts(cls, rules: tuple[VerdictRule, ...], info: ValidationInfo) -> tuple[VerdictRule, ...]:
        provider = info.data.get("provider")
        strange = sorted({rule.kind for rule in rules if provider and rule.kind not in KINDS[provider]})
        if strange:
            raise ValueError(
                f"has rules for {', '.join(strange)}, but {provider} verifies {', '.join(KINDS[str(provider)])}"
            )
        return rules

    @field_validator("max_part_rows")
    @classmethod
    def _check_max_part_rows(cls, rows: int | None, info: ValidationInfo) -> int | None:
        if rows and rows > WHOISXML_PART_ROWS_MAX and info.data.get("provider") == "whoisxml":
            raise ValueError(f"is {rows:,}, but whoisxml takes at most {WHOISXML_PART_ROWS_MAX:,} rows at once")
        return rows

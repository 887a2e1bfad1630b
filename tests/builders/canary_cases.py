"""Every way in which a provider fails while a key is in reach, and the word that shows that it did."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.builders.canary import spellings
from tests.builders.canary_site import host_of
from tests.builders.server_process import free_port
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from producers.client import Client
    from tests.builders.canary_site import Canarium

    Arrange = Callable[[Any, Canarium], object]

#: Shown by a case whose faults have all happened.
HAPPENED = "faults happened"


@dataclass(frozen=True)
class Case:
    """One account at which one thing goes wrong. `shows`: a reason or decision in its upload's timeline."""

    name: str
    shows: str
    arrange: Arrange = lambda sandbox, site: None
    provider: Literal["ipqs", "whoisxml"] = "ipqs"
    key_in: Literal["header", "path", "param", "json"] = "header"
    place: Literal["served", "closed", "stranger"] = "served"
    #: Where the list is: a file, the request itself, or what the host of lists does with it.
    source: Literal["file", "rows", "given", "moved"] = "file"
    #: Of the request: how the list is sent, and what is wanted back.
    wishes: Mapping[str, Any] = field(default_factory=dict)


def faults(*queue: tuple[str, str], **details: Any) -> Arrange:
    """Faults by operation and kind; a `text` has the key and a link put in."""

    def arrange(sandbox: Any, site: Canarium) -> None:
        del site
        sandbox.knobs.faults += [Fault(operation, kind, **details) for operation, kind in queue]

    return arrange


def knobs(**changes: Any) -> Arrange:
    """Knobs that last."""

    def arrange(sandbox: Any, site: Canarium) -> None:
        del site
        sandbox.knobs.update(changes)

    return arrange


def _echo(*queue: tuple[str, str], times: int = 1) -> Arrange:
    """Faults whose answers repeat the request."""

    def arrange(sandbox: Any, site: Canarium) -> None:
        sandbox.knobs.echo_requests = True
        faults(*queue, times=times)(sandbox, site)

    return arrange


def _words(*operations: str) -> Arrange:
    """Refusals in words that hold the key: first as it is, then at the end of a long text, then in every form."""

    def arrange(sandbox: Any, site: Canarium) -> None:
        del site
        link = f"https://x.example/download?download={'0af3' * 64}&apiKey={sandbox.key}"
        spelled = " ".join(spellings(sandbox.key).values())
        text = f"no: {sandbox.key}, at {link}, {spelled[:3_000]}"
        sandbox.knobs.faults += [Fault(operation, "refuse", text=text) for operation in operations]

    return arrange


def _silence_after_submit(sandbox: Any, site: Canarium) -> None:
    # A job that the list shows while its submit waits for the answer is adopted, and the silence passes unnoticed.
    sandbox.knobs.list_delay_seconds = math.inf
    faults(("submit", "answer_hang"))(sandbox, site)


def _redirected(sandbox: Any, site: Canarium) -> None:
    sandbox.knobs.redirect_to_host = host_of(site.elsewhere)


def _link_elsewhere(sandbox: Any, site: Canarium) -> None:
    sandbox.addresses.download = f"http://{host_of(site.elsewhere, 'localhost')}/download"


def _link_to_nobody(sandbox: Any, site: Canarium) -> None:
    del site
    sandbox.addresses.download = f"http://127.0.0.1:{free_port()}/download"


def _odd_word(sandbox: Any, site: Canarium) -> None:
    del site
    sandbox.knobs.processing_word = f"ODD {sandbox.key}"
    sandbox.knobs.stall_at = 0.5


#: What a request wishes, beside its list.
JSON: Mapping[str, Any] = {"method": "json"}
PULL: Mapping[str, Any] = {"method": "pull"}
ALL_SEGMENTS: Mapping[str, Any] = {"segments": ["all", "bad", "clean", "pristine"]}

CASES = (
    Case("good", "completed"),
    Case("bad-key", "credentials_rejected", faults(("submit", "bad_key"))),
    Case("no-credits", "out_of_credits", faults(("submit", "no_credits"))),
    Case("over-quota", "quota", faults(("submit", "quota"))),
    Case("calls-509", "throttled", faults(("submit", "http_509"))),
    Case("calls-429", "throttled", faults(("submit", "http_429"))),
    Case("page-on-submit", "outcome_unknown", _echo(("submit", "answer_http_502")), key_in="path"),
    Case("page-on-status", HAPPENED, _echo(("status", "http_500"))),
    Case("page-on-list", HAPPENED, _echo(("list", "html_block")), key_in="path"),
    Case("page-on-credits", HAPPENED, _echo(("credits", "http_503"))),
    Case("page-on-download", "unavailable", _echo(("download", "http_503"), times=3)),
    Case("words-on-submit", "outcome_unknown", _words("submit")),
    Case("words-on-status", HAPPENED, _words("status")),
    Case("words-on-list", HAPPENED, _words("list"), key_in="path"),
    Case("words-on-credits", HAPPENED, _words("credits")),
    Case("redirect", "outcome_unknown", _redirected, key_in="path"),
    Case("redirect-header", "outcome_unknown", _redirected),
    Case("submit-reset", HAPPENED, faults(("submit", "reset"))),
    Case("submit-lost", "outcome_unknown", faults(("submit", "answer_lost"))),
    Case("submit-silence", "outcome_unknown", _silence_after_submit),
    Case("submit-cut", "outcome_unknown", faults(("submit", "truncate_silent"), after_bytes=500)),
    Case("status-reset", HAPPENED, faults(("status", "reset"))),
    Case("status-silence", HAPPENED, faults(("status", "hang"))),
    Case("status-cut", HAPPENED, faults(("status", "truncate"), after_bytes=300)),
    Case("list-nonsense", HAPPENED, faults(("list", "truncate_silent"), after_bytes=300)),
    Case("download-cut", "unavailable", faults(("download", "truncate"), after_bytes=60, times=3)),
    Case("download-reset", "unavailable", faults(("download", "reset"), times=3)),
    Case("link-expired", "unavailable", faults(("download", "http_410"), times=3)),
    Case("link-page", "unavailable", faults(("download", "answer_html"), times=3)),
    Case("link-elsewhere", "malformed", _link_elsewhere),
    Case("link-to-nobody", "unavailable", _link_to_nobody),
    Case("odd-word", "unknown_status", _odd_word),
    Case("aborted", "remote_aborted", knobs(abort_at=0.5)),
    Case("nobody-listens", "not_sent", place="closed"),
    Case("wrong-certificate", "not_sent", place="stranger"),
    Case("storage-in-the-way", "storage_invalid_name"),
    Case("crash", "crashed"),
    Case("json-good", "completed", key_in="json", wishes={**JSON, **ALL_SEGMENTS}),
    Case("json-page", "outcome_unknown", _echo(("submit", "answer_http_502")), key_in="json", wishes=JSON),
    Case("json-page-path", "outcome_unknown", _echo(("submit", "answer_http_502")), key_in="path", wishes=JSON),
    Case("json-words", "outcome_unknown", _words("submit"), key_in="json", wishes=JSON),
    Case("json-bad-key", "credentials_rejected", faults(("submit", "bad_key")), key_in="param", wishes=JSON),
    Case("json-cut", "outcome_unknown", faults(("submit", "truncate_silent"), after_bytes=500), wishes=JSON),
    Case("json-reset", HAPPENED, faults(("submit", "reset")), key_in="json", wishes=JSON),
    Case("pull-good", "completed", key_in="param", source="given", wishes=PULL),
    Case(
        "pull-page",
        "outcome_unknown",
        _echo(("submit", "answer_http_502")),
        key_in="param",
        source="given",
        wishes=PULL,
    ),
    Case("pull-words", "outcome_unknown", _words("submit"), key_in="json", source="given", wishes=PULL),
    Case("pull-header", "outcome_unknown", _echo(("submit", "http_503")), source="given", wishes=PULL),
    Case("pull-fails", HAPPENED, faults(("submit", "refuse")), key_in="path", source="given", wishes=PULL),
    Case("pull-redirect", "outcome_unknown", _redirected, key_in="param", source="given", wishes=PULL),
    Case("list-moved", "unreadable", source="moved"),
    Case("param-page", "outcome_unknown", _echo(("submit", "answer_http_502")), key_in="param"),
    Case("param-page-on-list", HAPPENED, _echo(("list", "html_block")), key_in="param"),
    Case("param-words", HAPPENED, _words("list", "status"), key_in="param"),
    Case("json-key-on-list", HAPPENED, _echo(("list", "http_500")), key_in="json"),
    Case("segments-expired", "unavailable", faults(("download", "http_410"), times=12), wishes=ALL_SEGMENTS),
    Case("segments-cut", HAPPENED, faults(("download", "truncate"), after_bytes=9, times=4), wishes=ALL_SEGMENTS),
    Case("rows", "completed", source="rows", wishes={"result": "rows", "label": "rows"}),
    Case("w-rows", "completed", provider="whoisxml", source="rows", wishes={"result": "rows"}),
    Case("w-good", "completed", provider="whoisxml"),
    Case("w-bad-key", "credentials_rejected", faults(("submit", "bad_key")), provider="whoisxml"),
    Case("w-no-credits", "out_of_credits", faults(("submit", "no_credits")), provider="whoisxml"),
    Case("w-page", "outcome_unknown", _echo(("submit", "answer_http_502")), provider="whoisxml"),
    Case("w-words", "outcome_unknown", _words("submit"), provider="whoisxml"),
    Case("w-words-on-status", HAPPENED, _words("status"), provider="whoisxml"),
    Case("w-words-on-credits", HAPPENED, _words("credits"), provider="whoisxml"),
    Case("w-silence", HAPPENED, faults(("status", "hang")), provider="whoisxml"),
    Case("w-result-cut", "unavailable", faults(("completed", "truncate"), after_bytes=40), provider="whoisxml"),
)


def case(name: str) -> Case:
    """The case of that name."""
    return next(each for each in CASES if each.name == name)


def submit(client: Client, site: Canarium, each: Case, folder: Path) -> None:
    """Ask for the case's short list to be verified by its account; the upload is called like the case."""
    values = [f"{each.name}@example.com", "other@example.com"]
    asked: dict[str, Any] = {"account": each.name, "kind": "email", "upload_id": each.name} | dict(each.wishes)
    match each.source:
        case "file":
            path = folder / f"{each.name}.txt"
            path.write_text("".join(f"{value}\n" for value in values))
            client.submit(path, options={"header": False}, **asked)
        case "rows":
            client.submit(rows=values, **asked)
        case does:
            url = f"http://{site.lists.place}/{does}/{each.name}.txt"
            client.submit(remote_url=url, options={"header": False}, **asked)


def shown(store: Any, site: Canarium, each: Case) -> bool:
    """Whether what the case is about has happened to its upload, which is called like it."""
    if each.shows == HAPPENED:
        return not site.sandboxes[each.name].knobs.faults
    told = {entry.get(name) for entry in store.timeline(each.name) for name in ("decision", "reason")}
    # A walk over the list may find the job before its submit has come to an end: then there is nothing unknown left.
    return each.shows in told or (each.shows == "outcome_unknown" and "adopt" in told)

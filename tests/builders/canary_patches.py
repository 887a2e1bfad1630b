"""Exchanges parts of the program in a process of its own: accidents that hold keys, and defences taken away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

import pydantic
import requests
from dramatiq.encoder import JSONEncoder

import config.logs
import config.redaction
import config.redis_urls
import config.secret_forms
import worker.broker.sorted_set
import worker.intake.rejected_request
import worker.providers.call
import worker.providers.http
import worker.providers.ipqs
import worker.providers.ipqs_downloads
import worker.providers.refusals
import worker.providers.whoisxml
from config.settings import Settings
from worker.providers.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from worker.providers.call import Call


def apply(names: Iterable[str]) -> None:
    """Exchange what the names stand for; an empty name exchanges nothing."""
    for name in filter(None, names):
        PATCHES[name]()


def _exchange(owner: Any, name: str, part: object) -> None:
    """Put something else in the place of a part that is there."""
    assert hasattr(owner, name), f"{owner} has no {name}"
    setattr(owner, name, part)


def _collect_crashes() -> None:
    """Collecting ends in an error that nobody foresaw, whose text, cause and locals all hold the key."""
    collect = worker.providers.ipqs.Ipqs.collect

    def crashing(self: Any, remote_id: str, *rest: Any, **options: Any) -> Any:
        if self._account.name != "crash":
            return collect(self, remote_id, *rest, **options)
        url = f"{self._account.base_url}/json/csv/{self._key}/status/{remote_id}"
        cause = requests.ConnectionError(f"Max retries exceeded with url: {url}")
        raise LookupError(f"nobody expected {self._key!r}, {[url]}, {url.encode().hex()}") from cause

    _exchange(worker.providers.ipqs.Ipqs, "collect", crashing)


def _store_crashes() -> None:
    """Every command ends in an error that nobody foresaw, whose text has the Redis password."""
    from worker.store.store import Store  # noqa: PLC0415 - only commands need it

    def crashing(self: Any, *_: Any, **__: Any) -> NoReturn:
        password = self.client.connection_pool.connection_kwargs["password"]
        raise LookupError(f"nobody expected {password!r} in {self.client.connection_pool.connection_kwargs}")

    _exchange(Store, "found", crashing)


def _no_log_redaction() -> None:
    _exchange(config.logs._Redact, "__call__", lambda self, logger, method, event: event)


def _no_redaction() -> None:
    _exchange(config.redaction.Redactor, "redact", lambda self, text, *, sink="text": text)
    _exchange(config.redaction.Redactor, "redact_value", lambda self, value, *, sink="text": value)


def _plain_form_only() -> None:
    _exchange(config.redaction, "encodings", lambda secret: iter([secret]))


def _no_quotation() -> None:
    def quoted(text: object, *secrets: str) -> str:
        del secrets
        return str(text)

    for module in (worker.providers.ipqs, worker.providers.whoisxml, worker.providers.refusals):
        _exchange(module, "quoted", quoted)


def _url_in_subject() -> None:
    def subject(self: Call) -> str:
        return f"{self.method} {self.url} (account {self.account})"

    _exchange(worker.providers.call.Call, "subject", property(subject))


def _library_text_in_errors() -> None:
    _exchange(worker.providers.http, "_fault_of", lambda error: ("connection", str(error)))


def _errors_chained() -> None:
    plain = worker.providers.http.ReadClient._perform

    def perform(self: Any, call: Call, consume: Any) -> Any:
        try:
            self._send(call).close()
        except requests.RequestException as error:
            raise Unavailable(f"{call.subject}: failed") from error
        return plain(self, call, consume)

    _exchange(worker.providers.http.ReadClient, "_perform", perform)


def _redirects_followed() -> None:
    session = requests.Session()
    _exchange(worker.providers.http, "plain_session", lambda **_given: session)
    plain = requests.Session.request

    def request(self: Any, method: str, url: str, **options: Any) -> Any:
        return plain(self, method, url, **options | {"allow_redirects": True})

    _exchange(requests.Session, "request", request)


def _any_link_followed() -> None:
    _exchange(worker.providers.ipqs_downloads, "is_trusted", lambda link, account: True)


def _rejections_repeat() -> None:
    _exchange(config.redaction.Redactor, "holds_secret", lambda self, text: False)
    _no_redaction()


def _urls_kept_whole() -> None:
    _exchange(worker.intake.rejected_request, "_bare", lambda url: url[0])


def _plain_messages() -> None:
    import dramatiq  # noqa: PLC0415 - its global encoder is set here

    dramatiq.set_encoder(JSONEncoder())


def _passwords_shown() -> None:
    _exchange(config.redis_urls, "masked", lambda url: url)


def _urls_in_repr() -> None:
    for name in ("redis_url", "broker_url"):
        Settings.model_fields[name].repr = True
    Settings.model_rebuild(force=True)


def _keys_in_repr() -> None:
    for name in ("__repr__", "__str__"):
        _exchange(pydantic.SecretStr, name, lambda self: self.get_secret_value())


def _failed_logging_prints() -> None:
    _exchange(config.logs._Handler, "handleError", logging.Handler.handleError)


def _loud_libraries() -> None:
    _exchange(config.logs, "QUIET_LIBRARIES", ())
    for name in ("urllib3", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.DEBUG)


#: What can be exchanged, by name.
PATCHES: dict[str, Callable[[], None]] = {
    "collect crashes": _collect_crashes,
    "store crashes": _store_crashes,
    "no log redaction": _no_log_redaction,
    "no redaction": _no_redaction,
    "plain form only": _plain_form_only,
    "no quotation": _no_quotation,
    "URL in subject": _url_in_subject,
    "library text in errors": _library_text_in_errors,
    "errors chained": _errors_chained,
    "redirects followed": _redirects_followed,
    "any link followed": _any_link_followed,
    "rejections repeat": _rejections_repeat,
    "URLs kept whole": _urls_kept_whole,
    "plain messages": _plain_messages,
    "passwords shown": _passwords_shown,
    "URLs in repr": _urls_in_repr,
    "keys in repr": _keys_in_repr,
    "failed logging prints": _failed_logging_prints,
    "loud libraries": _loud_libraries,
}

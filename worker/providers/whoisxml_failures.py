"""What is wrong by an answer of WhoisXML: `error` or `errors[]` in its body, whatever the code; then the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.providers.answer import failure_of
from worker.providers.errors import CredentialsRejected, OutOfCredits, ProviderError, Refused
from worker.providers.quotation import quoted
from worker.providers.tolerant import as_mapping, as_text
from worker.providers.whoisxml_words import KEY_CODES, KEY_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.providers.answer import Answer


def errors_of(document: Mapping[str, object]) -> tuple[str, bool]:
    """The texts of an error body in one, and whether it has the shape of a validation (`errors[]`)."""
    response = as_mapping(document.get("response"))
    errors = response.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(as_text(error) for error in errors), True
    error = response.get("error")
    return (as_text(error) if error else ""), False


def read_failure(subject: str, answer: Answer, errors: str, key: str, *, key_proven: bool) -> ProviderError | None:
    """The error for the answer to a reading call, `None` for a success; `errors` as found in its body.

    `key_proven`: the key has been accepted before, so that an unknown refusal is not about it.
    """
    told = f"{subject}: HTTP {answer.status} {quoted(errors, key)}"
    lowered = errors.lower()
    if any(word in lowered for word in KEY_WORDS):
        return CredentialsRejected(f"{told}; check the account's key")
    if answer.status == 402 or "insufficient balance" in lowered:  # noqa: PLR2004 - documented: create
        return OutOfCredits(f"{told}; buy credits or use another account")
    general = failure_of(answer, subject)
    if answer.success:
        return Refused(told) if errors else general
    if general is not None and (key_proven or answer.status not in KEY_CODES):
        return general
    if key_proven or (errors and answer.status in {400, 422}):
        return Refused(told)
    # Which code a wrong key gets is not certain: the documents and the vendor's own tests differ.
    return CredentialsRejected(f"{told}; no call with this key has succeeded yet: check the key, then base_url")

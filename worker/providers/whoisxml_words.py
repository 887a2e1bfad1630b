"""What WhoisXML's words mean: its ways of saying no, and its verdict columns. Tables only."""

from __future__ import annotations

from worker.providers.errors import CredentialsRejected, OutOfCredits, Refused, Throttled
from worker.providers.port import VerdictWord
from worker.providers.refusals import Refusal
from worker.providers.verdict_rules import Rule, is_false, is_not_word, is_true, is_word

#: Codes of a client's mistake that may carry a text about the key. Documented is 401; the vendor's own tests show 403
#: and expect yet another code for a wrong key, so the text decides within the class, and in a success as well.
_KEY_CODES = frozenset({200, *range(400, 500)})

#: After which answers to a request to create a job nothing was accepted. In the third column is how the text is known.
#:
#: | HTTP     | `response.error` begins                  | means                 | known from                        |
#: |----------|------------------------------------------|-----------------------|-----------------------------------|
#: | 200, 4xx | Authorisation or authentication failed   | `CredentialsRejected` | documented: create, for 401       |
#: | 200, 4xx | Access denied                            | `CredentialsRejected` | the vendor's client, for 403      |
#: | 402      | Insufficient balance                     | `OutOfCredits`        | documented: create                |
#: | 429      | anything                                 | `Throttled`           | the standard's meaning of 429     |
#:
#: And 400 or 422 with `response.errors[]` (documented for 400; the vendor's client groups both): `Refused`. It says
#: which field of the request is wrong, so the request was judged and not taken; `VALIDATION_REFUSALS` is for answers of
#: that shape only.
SUBMIT_REFUSALS = (
    Refusal(_KEY_CODES, "authorisation or authentication failed", CredentialsRejected, "check the account's key"),
    Refusal(_KEY_CODES, "authorization or authentication failed", CredentialsRejected, "check the account's key"),
    Refusal(_KEY_CODES, "access denied", CredentialsRejected, "check the account's key"),
    Refusal(frozenset({402}), "insufficient balance", OutOfCredits, "buy credits or use another account"),
    Refusal(frozenset({429}), "", Throttled, "lower requests_per_second"),
)
VALIDATION_REFUSALS = (
    *SUBMIT_REFUSALS,
    Refusal(frozenset({400, 422}), "", Refused, "the list cannot be sent as it is"),
)

#: Codes that, with a web page or nothing as body, count as a wrong key as long as the key has not been accepted once. A
#: page with 403 is what bot checks answer, 408 and 429 say what they mean.
KEY_CODES = frozenset(range(400, 500)) - {403, 408, 429}

#: Parts of messages, in lower case, that are about the key on any reading call.
KEY_WORDS = ("authori", "access denied")

#: Documented columns of a result, in the documents' order. They are always there, empty where a record leaves one out.
COLUMNS = (
    "formatCheck",
    "smtpCheck",
    "dnsCheck",
    "freeCheck",
    "disposableCheck",
    "catchAllCheck",
    "mxRecords",
    "result",
    "error",
)

#: Words of `result` that are documented or were observed; the documented list is cut off, so others are passed on as
#: unknown.
RESULT_WORDS = frozenset({"ok", "bad", "unknown", "smtp-failed"})

#: The verdict on a completed record: the first rule that holds.
#:
#: | column                                                                  | verdict |
#: |-------------------------------------------------------------------------|---------|
#: | result = bad; formatCheck = false                                       | bad     |
#: | result = smtp-failed: the mail server refused, for good or for now      | risky   |
#: | result = ok and disposableCheck or catchAllCheck = true                 | risky   |
#: | result = ok                                                             | ok      |
#: | result = unknown, and any other                                         | unknown |
COMPLETED_RULES = (
    Rule(VerdictWord.BAD, "result", is_word("bad")),
    Rule(VerdictWord.BAD, "formatcheck", is_false),
    Rule(VerdictWord.RISKY, "result", is_word("smtp-failed")),
    Rule(VerdictWord.UNKNOWN, "result", is_not_word("ok")),
    Rule(VerdictWord.RISKY, "disposablecheck", is_true),
    Rule(VerdictWord.RISKY, "catchallcheck", is_true),
    Rule(VerdictWord.OK, "result", is_word("ok")),
)

#: The verdict on a failed record. Both malformed addresses and those that could not be processed are reported as
#: failed; the only text known for the former is this one, and of the latter nothing is known but that they failed.
#:
#: | column                  | verdict |
#: |-------------------------|---------|
#: | error = Invalid format  | bad     |
#: | any other error         | unknown |
FAILED_RULES = (Rule(VerdictWord.BAD, "error", is_word("invalid format")),)

"""Every way in which WhoisXML says that something is wrong, and what its adapter makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.provider_bench import KEYS, Bench, CountingGate, Notes, account_for, told
from tests.builders.scripted_server import ScriptedServer
from worker.providers.errors import (
    CredentialsRejected,
    Malformed,
    OutcomeUnknown,
    OutOfCredits,
    ProviderError,
    Refused,
    Throttled,
    Unavailable,
)
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.providers.registry import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.providers.port import Provider

KEY = KEYS["whoisxml"]

#: Reading calls by name.
READS: dict[str, Callable[[Provider, Path], object]] = {
    "status": lambda provider, _: provider.observe(["5"]),
    "list": lambda provider, _: provider.list_page(),
    "collect": lambda provider, folder: provider.collect("5", folder),
    "credits": lambda provider, _: provider.credits(),
}

#: The documented and observed error bodies: code, body, and the error for a key that has been accepted before.
FORMS: dict[str, tuple[int, object, type[ProviderError]]] = {
    "400 errors": (400, {"errors": ["The format field should have one of …: json, xml."]}, Refused),
    "400 two errors": (400, {"errors": ["The id field is wrong.", "The page field is wrong."]}, Refused),
    "400 error": (400, {"error": "No such request"}, Refused),
    "422 errors": (422, {"errors": ["The id field is wrong."]}, Refused),
    "422 error": (422, {"error": "Unprocessable"}, Refused),
    "401": (401, {"error": "Authorisation or authentication failed"}, CredentialsRejected),
    "403": (403, {"error": "Access denied"}, CredentialsRejected),
    "402": (402, {"error": "Insufficient balance"}, OutOfCredits),
    "402 in other words": (402, {"error": "Pay first"}, OutOfCredits),
    "429": (429, {"error": "Slow down"}, Throttled),
    "200 with error": (200, {"error": "No such request"}, Refused),
    "200 with errors": (200, {"errors": ["The id field is wrong."]}, Refused),
    "200 about the key": (200, {"error": "Authorization failed"}, CredentialsRejected),
    "200 about credits": (200, {"error": "Insufficient balance"}, OutOfCredits),
    "404 generic": (404, {"error": "Not found"}, Refused),
    "418 generic": (418, {}, Refused),
    "500 generic": (500, {"error": "Server error"}, Unavailable),
    "503 generic": (503, {}, Unavailable),
    "301 generic": (301, {}, Unavailable),
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A WhoisXML adapter and its simulated provider."""
    with Bench("whoisxml", tmp_path) as running:
        yield running


def scripted(server: ScriptedServer) -> tuple[Provider, Notes]:
    """An adapter to scripted answers."""
    notes = Notes()
    return build(account_for("whoisxml", f"{server.base_url}/api/bevService"), CountingGate(), notes), notes


def part(folder: Path, *values: str) -> Submission:
    """A staged part."""
    path = folder / "part.csv"
    path.write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
    return Submission(path, len(values), Kind.EMAIL, "tk0123456789abcdef-people", 5, SubmitMethod.JSON)


# --- reading calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", READS)
def test_every_form_of_an_error_is_understood_by_every_reading_call(tmp_path: Path, read: str, form: str) -> None:
    """Once the key has been accepted, code and body together become one of a few errors, and leave no file."""
    status, content, expected = FORMS[form]
    with ScriptedServer() as server:
        provider, notes = scripted(server.then({"response": []}).then({"response": content}, status))
        provider.observe(["5"])
        with pytest.raises(expected) as caught:
            READS[read](provider, tmp_path)
    assert type(caught.value) is expected
    assert str(status) in str(caught.value)
    assert bool(notes.soft_errors) is (status == 200)
    assert list(tmp_path.iterdir()) == []


def test_all_errors_of_a_validation_are_repeated(tmp_path: Path) -> None:
    """A body with several errors is told whole, without whatever looks like a key."""
    errors = ["The id field is wrong.", f"The apiKey field has {KEY}.", 7]
    with ScriptedServer() as server:
        provider, _ = scripted(server.then({"response": {"errors": errors}}, 400))
        with pytest.raises(Refused, match=r"The id field is wrong\.; The apiKey field has <hidden>\.; 7"):
            provider.list_page()


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "OK", Malformed),
        (200, "", Malformed),
        (200, "[1, 2]", Malformed),
        (404, "Not here", CredentialsRejected),
        (418, "", CredentialsRejected),
        (499, "<html>who are you?</html>", CredentialsRejected),
        (403, "<html>checking your browser</html>", Unavailable),
        (429, "later", Throttled),
        (408, "<html>too slow</html>", Unavailable),
        (500, "oops", Unavailable),
        (502, "<html>bad gateway</html>", Unavailable),
    ],
)
def test_what_is_not_json_is_judged_by_its_code(
    tmp_path: Path, read: str, status: int, body: str, expected: type[ProviderError]
) -> None:
    """On the first call of a key an unknown 4xx counts as a wrong key; a bot check and a gateway's page do not."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(body, status))
        with pytest.raises(expected) as caught:
            READS[read](provider, tmp_path)
    assert type(caught.value) is expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 418, 499])
def test_a_submit_that_was_accepted_proves_the_key(tmp_path: Path, status: int) -> None:
    """After it an unknown 4xx is about the call, not about the key."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then({"response": {"id": 5}}).then({"response": {}}, status))
        provider.submit(part(tmp_path, "a@example.com"))
        with pytest.raises(Refused):
            provider.list_page()


# --- submits and keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 418])
def test_a_wrong_key_is_recognised_whatever_its_code(bench: Bench, status: int) -> None:
    """Until a key has been accepted once, an unknown refusal of a reading call counts as being about the key."""
    bench.whoisxml.knobs.update({"wrong_key_status": status})
    provider = bench.adapter(key="at_anotherkeyanotherkeyanotherke")
    with pytest.raises(CredentialsRejected):
        provider.credits()
    with pytest.raises(CredentialsRejected if status in {401, 403} else OutcomeUnknown):
        provider.submit(bench.part(["a@example.com"]))
    assert bench.whoisxml.ledger == []


def test_a_proven_key_is_not_doubted_for_an_unknown_code(bench: Bench) -> None:
    """Once a key has worked, an odd refusal is about the call."""
    bench.provider.credits()
    bench.fault("list", "http_404")
    with pytest.raises(Unavailable):
        bench.provider.list_page()


@pytest.mark.parametrize(
    ("status", "response", "expected"),
    [
        (400, {"errors": ["The format field should have one of the following values: json, xml."]}, Refused),
        (422, {"errors": ["The emails field has too many values."]}, Refused),
        (401, {"error": "Authorisation or authentication failed"}, CredentialsRejected),
        (499, {"error": "Authorization or authentication failed."}, CredentialsRejected),
        (403, {"error": "Access denied"}, CredentialsRejected),
        (200, {"error": "Access denied"}, CredentialsRejected),
        (402, {"error": "Insufficient balance"}, OutOfCredits),
        (429, {"error": "Slow down"}, Throttled),
        (400, {"error": "Something"}, OutcomeUnknown),
        (402, {"error": "Something"}, OutcomeUnknown),
        (500, {"error": "Access denied"}, OutcomeUnknown),
        (200, {"error": "Insufficient balance"}, OutcomeUnknown),
        (200, {"errors": ["Something"]}, OutcomeUnknown),
        (401, {"error": "Access denied", "id": 5}, OutcomeUnknown),
        (200, {"id": None}, OutcomeUnknown),
        (200, [], OutcomeUnknown),
    ],
)
def test_only_listed_refusals_close_an_attempt(
    tmp_path: Path, status: int, response: object, expected: type[ProviderError]
) -> None:
    """Code and text together decide whether a submit was refused; everything else stays open."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then({"response": response}, status))
        with pytest.raises(expected) as caught:
            provider.submit(part(tmp_path, "a@example.com"))
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (200, {"response": {"error": "Authorisation or authentication failed"}}, CredentialsRejected),
        (200, {"response": {"error": "Insufficient balance"}}, OutOfCredits),
        (200, {"response": {"errors": ["The id field is wrong."]}}, Refused),
        (400, {"response": {"errors": ["The page field is wrong."]}}, Refused),
        (500, {"response": {"error": "Access denied"}}, CredentialsRejected),
        (200, {"response": "later"}, Malformed),
        (200, {}, Malformed),
        (200, [], Malformed),
    ],
)
def test_errors_of_reading_calls_are_found_in_any_body(
    status: int, document: object, expected: type[ProviderError]
) -> None:
    """A success that holds an error is that error."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(document, status).then(document, status))
        for call in (provider.list_page, lambda: provider.observe(["5"])):
            with pytest.raises(expected) as caught:
                call()
            assert type(caught.value) is expected


def test_a_success_with_an_error_is_reported_as_soft(bench: Bench) -> None:
    """An error with status 200 in place of a result is refused, told to whoever counts, and leaves no file."""
    remote_id = bench.submit().remote_id
    folder = bench.folder / "result"
    folder.mkdir()
    bench.fault("completed", "refuse", text=f"Odd: {KEY}")
    with pytest.raises(Refused, match="Odd: <hidden>") as caught:
        bench.provider.collect(remote_id, folder)
    assert KEY not in told(caught.value)
    assert bench.notes.soft_errors == [("completed", "refused")]
    assert list(folder.iterdir()) == []

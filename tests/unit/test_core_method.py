"""Which way a list goes to its provider."""

from __future__ import annotations

import pytest

from tests.builders.records import an_upload
from worker.core.method import choose_method

PATH = {"path": "/srv/lists/list.csv"}
REMOTE = {"remote_url": "https://files.example.com/list.csv"}


@pytest.mark.parametrize("method", ["form", "json"])
def test_a_method_asked_for_by_name_is_used(method: str) -> None:
    """A named method is used although the provider would rather have another one."""
    assert choose_method(an_upload(method=method), ("json", "form")) == method


@pytest.mark.parametrize("method", ["json", "pull"])
def test_a_method_that_the_provider_has_not_is_never_replaced(method: str) -> None:
    """A named method is an instruction: where it cannot be followed there is none."""
    upload = an_upload(method=method, source=REMOTE, pullable=True, parts_total=1)
    assert choose_method(upload, ("form",)) is None


def test_left_to_the_program_the_providers_best_method_is_used() -> None:
    """Without a wish the first method of the provider is taken."""
    assert choose_method(an_upload(), ("json", "form")) == "json"
    assert choose_method(an_upload(), ()) is None


def test_a_list_that_can_be_pulled_is_pulled_when_asked_for() -> None:
    """A remote list that holds just what would be sent is pulled by name, and sent where nothing was said."""
    upload = an_upload(method="pull", source=REMOTE, pullable=True, parts_total=1)
    assert choose_method(upload, ("form", "pull")) == "pull"
    for other in ("form", "auto"):
        assert choose_method(upload.model_copy(update={"method": other}), ("pull", "form")) == "form"


@pytest.mark.parametrize("parts", [1, 2])
def test_what_storage_gives_links_to_is_pulled_when_asked_for(parts: int) -> None:
    """By a link the provider finds each part's own values, so that any list without an address of its own will do."""
    upload = an_upload(method="pull", source=PATH, pullable=False, parts_total=parts)
    assert choose_method(upload, ("form", "pull"), links=True) == "pull"
    assert choose_method(upload, ("form", "pull"), links=False) is None
    assert choose_method(upload.model_copy(update={"method": "auto"}), ("pull", "form"), links=True) == "form"
    remote = upload.model_copy(update={"source": REMOTE})
    assert choose_method(remote, ("form", "pull"), links=True) is None


@pytest.mark.parametrize(
    ("source", "pullable", "parts"),
    [(REMOTE, False, 1), (REMOTE, True, 2), (PATH, True, 1)],
    ids=["other values", "several parts", "no address"],
)
def test_what_would_be_charged_for_other_values_is_never_pulled(
    source: dict[str, str], pullable: bool, parts: int
) -> None:
    """The provider pulls whole files: one that is not exactly the part is not submitted that way."""
    upload = an_upload(method="pull", source=source, pullable=pullable, parts_total=parts)
    assert choose_method(upload, ("form", "pull")) is None

"""Settings from environment variables: every problem found at once, unknown names refused, values never repeated."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from config.errors import Problem, SettingsInvalid
from config.fields import example_of, expectation_of, fault_of, is_consequence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

#: How every variable of this program begins.
PREFIX = "BULKVERIFY_"

S = TypeVar("S", bound=BaseSettings)


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    return PREFIX + field.upper()


def read(model: type[S], environ: Mapping[str, str]) -> S:
    """A `model` from `environ`; an empty variable counts as not set. Raises `SettingsInvalid` with all problems."""
    problems = list(_unknown(model, environ))
    source = EnvSettingsSource(model)
    source.env_vars = {
        variable.lower(): environ[variable] for variable in _variables(model) if environ.get(variable, "") != ""
    }
    try:
        settings = model.model_validate(source())
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        problems += [_problem(model, error) for error in errors if not is_consequence(error)]
    if problems:
        raise SettingsInvalid("The settings cannot be used:", problems) from None
    return settings


def _variables(model: type[BaseSettings]) -> list[str]:
    return [variable_of(field) for field in model.model_fields]


def _unknown(model: type[BaseSettings], environ: Mapping[str, str]) -> Iterator[Problem]:
    known = _variables(model)
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name in known:
            continue
        close = get_close_matches(name.upper(), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else "Unset it; `bulkverify config docs` lists what can be set."
        yield Problem(name, "is not a setting", f"{hint} Names that begin with {PREFIX} are kept for settings.")


def _problem(model: type[BaseSettings], error: ErrorDetails) -> Problem:
    name = str(error["loc"][0])
    field = model.model_fields[name]
    example = example_of(field)
    variable = variable_of(name)
    return Problem(variable, fault_of(error), f"Expected: {expectation_of(field)}. Example: {variable}={example}")

"""Rules of an account's own: which verdict follows from which column of the provider, before the built-in rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from config.fields import Doc

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Most rules of one account: each is looked at for each value.
RULES_MAX = 100
#: Characters of a column's name, and of the text that a cell is compared with.
TEXT_CHARACTERS_MAX = 100

KindName = Literal["email", "proxy", "url", "phone", "leaked_email", "leaked_password", "leaked_username"]
VerdictName = Literal["ok", "bad", "risky", "unknown"]

#: What each provider verifies.
KINDS: Mapping[str, tuple[KindName, ...]] = {
    "ipqs": ("email", "proxy", "url", "phone", "leaked_email", "leaked_password", "leaked_username"),
    "whoisxml": ("email",),
}


def _as_text(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever it was given
    """TOML's truth values and numbers as a provider writes them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class VerdictRule(BaseModel):
    """The verdict on values of a kind in whose results a column is equal to a text, or at least a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Annotated[KindName, Doc("what the values are", "a word", '"email"')]
    column: Annotated[
        str,
        Doc("column of the provider's result, in any case", "a name on one line", '"fraud_score"'),
        Field(pattern=r"^[^\x00-\x1f]+$", max_length=TEXT_CHARACTERS_MAX),
    ]
    #: In lower case; `true` and `false` stand for every way in which a provider says yes and no.
    equals: Annotated[
        str | None,
        BeforeValidator(_as_text),
        Doc("what the cell says, in any case", "a word, a number or a truth value", '"high"'),
        Field(max_length=TEXT_CHARACTERS_MAX),
    ] = None
    at_least: Annotated[
        float | None, Doc("what the number in the cell is at least", "a number", "90"), Field(allow_inf_nan=False)
    ] = None
    verdict: Annotated[VerdictName, Doc("the verdict then", "a word", '"risky"')]

    @field_validator("column", "equals")
    @classmethod
    def _in_lower_case(cls, text: str | None) -> str | None:
        return None if text is None else text.strip().lower()

    @model_validator(mode="after")
    def _has_one_condition(self) -> VerdictRule:
        if (self.equals is None) == (self.at_least is None):
            raise ValueError("needs one condition: either equals or at_least")
        return self

"""The documentation of the settings, made from the settings: `docs/settings.md` is this text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.environment import variable_of
from config.fields import bounds_of, default_of, doc_of
from config.settings import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_HEAD = """\
# Settings

Environment variables, read once at start by every process. All problems are reported together; a `BULKVERIFY_*`
variable that is not listed here is one of them, and an empty one counts as not set. HOME stands for `BULKVERIFY_HOME`,
REDIS_URL for `BULKVERIFY_REDIS_URL`. `bulkverify config check` shows what is in force and where each value came from;
this page is what `bulkverify config docs` prints. Accounts have a file of their own, which
`config/accounts.example.toml` shows.
"""


def markdown() -> str:
    """One table per group of settings: variable, meaning, unit, default, bounds, example."""
    return "\n".join([_HEAD, *("\n".join(_section(group)) for group in GROUPS)])


def _section(group: type[BaseModel]) -> Iterator[str]:
    yield f"## {(group.__doc__ or '').partition('.')[0]}\n"
    yield "| variable | meaning | unit | default | bounds | example |"
    yield "|---|---|---|---|---|---|"
    for name, field in group.model_fields.items():
        yield _row(name, field)
    yield ""


def _row(name: str, field: FieldInfo) -> str:
    doc = doc_of(field)
    default = doc.default or f"`{default_of(field)}`"
    example = f"`{doc.example}`" if doc.example else ""
    cells = (f"`{variable_of(name)}`", doc.meaning, doc.unit, default, bounds_of(field), example)
    return "| " + " | ".join(cells) + " |"

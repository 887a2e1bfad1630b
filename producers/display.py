"""A display of uploads that are on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from producers.stages import Stage


class Display:
    """A display of several uploads by name; this one shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the display as it is."""

    def show(self, name: str, stage: Stage) -> None:
        """An upload is at a stage; called as often as anything changes."""

    def note(self, text: str) -> None:
        """A sentence for the person who watches."""

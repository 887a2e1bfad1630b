"""What an operator can set about messages on their way between processes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from config.fields import Doc


class Messages(BaseModel):
    """Messages on their way to a process."""

    # Both together are how long the messages of a process that died may be gone: by their bounds a minute at most.

    heartbeat_timeout_seconds: Annotated[
        float,
        Doc(
            "How long a process may be silent before it is taken for dead and others run its messages; it is heard six "
            "times in that time",
            "seconds",
        ),
        Field(ge=1, le=55),
    ] = 30.0
    consumer_wait_seconds: Annotated[
        float,
        Doc("Longest time between two looks of an idle process into a queue: how late it may begin", "seconds"),
        Field(ge=0.01, le=5),
    ] = 0.1

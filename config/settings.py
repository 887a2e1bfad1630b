"""What an operator can set: one frozen, typed object, read from the environment variables `BULKVERIFY_*`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config import environment, redis_urls
from config.drift_group import Reconciling
from config.limit_groups import Keeping, Limits
from config.message_group import Messages
from config.redaction import redactor
from config.setting_groups import Places, Polling, Submitting, Watching, Working
from config.storage_group import Storing
from config.tracing_group import Tracing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from pydantic_settings import PydanticBaseSettingsSource

#: The groups in the order in which they are documented, checked and shown.
GROUPS: tuple[type[BaseModel], ...] = (
    Places,
    Storing,
    Watching,
    Polling,
    Submitting,
    Reconciling,
    Working,
    Messages,
    Limits,
    Keeping,
    Tracing,
)

#: Fields that may not be smaller than another one of their own or an earlier group.
NOT_BELOW: Mapping[str, str] = {
    "lease_margin_seconds": "redis_timeout_seconds",
    "work_lease_seconds": "redis_timeout_seconds",
    "poll_cap_seconds": "poll_floor_seconds",
    "heartbeat_timeout_seconds": "redis_timeout_seconds",
    "rearm_grace_seconds": "timekeeper_period_seconds",
    "rearm_period_seconds": "timekeeper_period_seconds",
    "input_bytes_max": "cell_bytes_max",
}


S = TypeVar("S", bound="Settings")


# pydantic collects fields from the last base to the first, hence the reversed order.
class Settings(
    Tracing,
    Keeping,
    Limits,
    Messages,
    Working,
    Reconciling,
    Submitting,
    Polling,
    Watching,
    Storing,
    Places,
    BaseSettings,
):
    """Every setting, checked. An instance made by hand depends on its arguments only; `load` reads the environment."""

    model_config = SettingsConfigDict(
        env_prefix=environment.PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments only: `load` alone reads the environment, so that it can refuse what it does not know."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings in `environ` (by default this process's). Raises `SettingsInvalid` with all problems at once.

        Passwords in Redis URLs are registered with `config.redaction.redactor`.
        """
        return _registered(environment.read(cls, os.environ if environ is None else environ))

    def on_server(self, redis_url: str) -> Self:
        """The same settings on another Redis server: how everybody learns where the private server listens."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return _registered(type(self).model_validate(given | {"redis_url": redis_url}))

    def rows_per_day_max(self, producer: str) -> int | None:
        """Most rows that a producer may have verified on one day; `None`: no limit."""
        return self.producer_rows_per_day_overrides.get(producer, self.producer_rows_per_day_max) or None

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None or "redis_url" not in info.data:
            return url
        variable = environment.variable_of("redis_url")
        if info.data["redis_url"] is None:
            raise ValueError(f"is set without {variable}")
        if redis_urls.same_database(url, info.data["redis_url"]):
            raise ValueError(f"names the database of {variable}, but queues need one of their own")
        return url

    @field_validator(*NOT_BELOW)
    @classmethod
    def _check_not_below(cls, value: float, info: ValidationInfo) -> float:
        other = NOT_BELOW[info.field_name or ""]
        least = info.data.get(other)
        if least is not None and value < least:
            raise ValueError(f"is {value:g}, which is below {environment.variable_of(other)} ({least:g})")
        return value


def _registered(settings: S) -> S:
    for url in (settings.redis_url, settings.broker_url):
        for password in redis_urls.passwords(url or ""):
            redactor.register(SecretStr(password))
    return settings

"""What can be done to single jobs of a simulated account from outside, as providers and other people do it.

A job is hidden and shown again, goes back, stalls, is aborted or loses rows; others add jobs, or copies of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

if TYPE_CHECKING:
    from worker.providers.sandbox.ipqs import IpqsSandbox
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

Provider: TypeAlias = "IpqsSandbox | WhoisXmlSandbox"

#: Jobs of others that are added at once at most.
OTHERS_MAX = 1_000


class JobChange(BaseModel):
    """Fields of a job, see `worker.providers.sandbox.jobs.Job`; those that are not named stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: bool = False
    #: Seconds after its acceptance in which only the list shows the job.
    status_delay_seconds: float = Field(default=0.0, ge=0)
    rows_error: int = 0
    missing_row_every: int = Field(default=0, ge=0)
    #: Seconds from the beginning of the work to its end: a job that was done is under way again with a longer time.
    work_seconds: float = Field(default=0.0, ge=0)
    stall_at: float | None = None
    #: IPQS alone gives jobs up.
    abort_at: float | None = None


class Others(BaseModel):
    """Jobs that somebody else adds: new ones, or copies of the job `copy_of`, with its name and its values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: int = Field(default=1, ge=1, le=OTHERS_MAX)
    rows: int = Field(default=1, ge=1)
    name: str = "a list of others"
    copy_of: int | None = None


_CHANGES = TypeAdapter(dict[int, JobChange])


def jobs_told(provider: Provider) -> dict[str, dict[str, object]]:
    """Every job by its id, hidden ones too."""
    with provider.lock:
        return {
            str(job.remote_id): {
                "name": job.name,
                "rows": job.spool.rows,
                "status": provider.status_word(job),
                "of_others": job.of_others,
                "hidden": job.hidden,
                "age_seconds": provider.clock.now() - job.accepted_at,
            }
            for job in provider.jobs.values()
        }


def change_jobs(provider: Provider, document: object) -> list[int]:
    """Change some jobs, by their ids, all or none; their ids. Raises `ValueError` for a bad change."""
    changes = _CHANGES.validate_python(document)
    with provider.lock:
        if unknown := sorted(set(changes) - set(provider.jobs)):
            raise ValueError(f"no such job: {', '.join(map(str, unknown))}")
        for remote_id, change in changes.items():
            for name, value in change.model_dump(exclude_unset=True).items():
                setattr(provider.jobs[remote_id], name, value)
    return sorted(changes)


def add_others(provider: Provider, document: object) -> list[int]:
    """Add jobs that are not charged here; their ids. Raises `ValueError`."""
    others = Others.model_validate(document)
    if others.copy_of is None:
        return [job.remote_id for job in provider.add_jobs_of_others(others.jobs, rows=others.rows, name=others.name)]
    if others.copy_of not in provider.jobs:
        raise ValueError(f"no such job: {others.copy_of}")
    return [provider.copy_for_others(others.copy_of).remote_id for _ in range(others.jobs)]

"""The choices that the providers' documentation leaves open, and every fault that lasts.

Each default is what a client should expect on a good day. All may be changed while the simulator runs; those marked
"frozen at acceptance" only affect jobs accepted afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, Self

from pydantic import TypeAdapter

from worker.providers.sandbox.faults import Fault  # noqa: TC001 pydantic reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Knobs:
    """What both providers have in common."""

    # --- the run of a job ---------------------------------------------------------------------------------------------
    #: Seconds a job waits before it is worked on. Frozen at acceptance.
    queue_seconds: float = 0.0
    #: Seconds of work on any job, whatever its size. Frozen at acceptance.
    job_seconds: float = 0.0
    #: Seconds of work on each row, on top. Frozen at acceptance.
    row_seconds: float = 0.0
    #: Part of the work (0.0 to 1.0) beyond which a job never gets; `None`: it finishes. Frozen at acceptance.
    stall_at: float | None = None

    # --- money --------------------------------------------------------------------------------------------------------
    #: Credits at the beginning; what is left is this minus the rows charged.
    credits: int = 10_000_000
    #: A list equal in name, type and values to one accepted at most so many seconds ago gets that one's job again and
    #: is not charged; 0: never.
    deduplicate_jobs_seconds: float = 0.0

    # --- what is seen of jobs -----------------------------------------------------------------------------------------
    #: Id of the first job.
    first_id: int = 3_868_534
    #: `scattered`: later jobs may have lower ids (within blocks of 1,000).
    ids: Literal["increasing", "scattered"] = "increasing"
    #: Seconds until a new job appears in the list; `inf`: never.
    list_delay_seconds: float = 0.0
    #: Seconds until a new job answers to its id; `inf`: never.
    status_delay_seconds: float = 0.0
    #: The same two delays for the jobs accepted meanwhile alone; the longer one counts. Frozen at acceptance.
    job_list_delay_seconds: float = 0.0
    job_status_delay_seconds: float = 0.0
    #: Jobs of others that are added before the next list page after a first one; used up by it.
    list_inserts: int = 0
    #: Jobs of others, the first in the list, that are gone before the next page after a first one; used up by it.
    list_removals: int = 0
    #: List pages that will lack their last job.
    list_drops: int = 0
    #: Added to the number of jobs that a list names.
    list_total_error: int = 0
    #: Added to the number of rows that a job names (WhoisXML: all; IPQS: invalid ones).
    job_rows_error: int = 0

    # --- rows ---------------------------------------------------------------------------------------------------------
    #: Rows equal to an earlier one are dropped at acceptance: not charged, not answered. Frozen at acceptance.
    deduplicate_rows: bool = False
    #: Every n-th row is missing from the result; 0: none.
    missing_row_every: int = 0
    #: Result rows come in another order than the input's.
    reorder_rows: bool = False
    #: Values come back in lower case.
    lowercase_values: bool = False

    # --- answers ------------------------------------------------------------------------------------------------------
    #: Numbers and booleans in JSON answers are sent as strings.
    stringly: bool = False

    #: Words that every job in an answer carries: at the end of its name, or in a field of their own.
    job_note: str = ""
    #: Web pages, and the words of refusals, repeat the request with its address and headers, as careless gateways do.
    echo_requests: bool = False

    # --- limits -------------------------------------------------------------------------------------------------------
    #: Calls in one second beyond which the provider throttles; `None`: never.
    calls_per_second_max: int | None = None
    #: Seconds named in `Retry-After` when throttling; `None`: no such header.
    retry_after_seconds: float | None = None
    #: Seconds that a job is kept after its end; `None`: for ever.
    retention_seconds: float | None = None

    #: One-shot faults, first come first served per operation.
    faults: list[Fault] = field(default_factory=list)

    def update(self, changes: Mapping[str, object]) -> None:
        """Set several knobs at once, all or none; queued faults are added to. Raises `ValueError` for a bad one."""
        unknown = sorted(set(changes) - {knob.name for knob in fields(self)})
        if unknown:
            raise ValueError(f"no such knob: {', '.join(unknown)}")
        checked = self.from_mapping(changes)
        for name in changes:
            if name == "faults":
                self.faults.extend(checked.faults)
            else:
                setattr(self, name, getattr(checked, name))

    @classmethod
    def from_mapping(cls, settings: Mapping[str, object]) -> Self:
        """Knobs at their defaults except for `settings`. Raises `ValueError` (pydantic's) for a wrong type."""
        return TypeAdapter(cls).validate_python(dict(settings))


@dataclass(slots=True)
class IpqsKnobs(Knobs):
    """What is open about IPQualityScore."""

    #: Status calls that find a job still `NEW`, however much time has passed. Frozen at acceptance.
    queue_polls: int = 0
    #: Part of the work (0.0 to 1.0) at which a job is aborted; `None`: it is not. Frozen at acceptance.
    abort_at: float | None = None
    #: The status word of a job at work.
    processing_word: str = "PROCESSING"
    #: `detected`: a first row that names the input column is no record. Frozen at acceptance.
    header_row: Literal["record", "detected"] = "record"
    #: Characters of a given file name that are kept; 0: a name is made up all the same. Frozen at acceptance.
    name_characters_max: int = 255

    #: Hosts from which a list is pulled when its URL is given; links to others fail.
    pull_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    #: Every pull fails: the upload is answered with `success: false`, without the link being followed.
    pull_fails: bool = False

    #: Only jobs of this type are in a list that was asked for without a type; `None`: all are.
    list_only_type: str | None = None
    #: List answers have only what the older documentation shows: no totals, no `page`.
    list_without_totals: bool = False
    #: List items carry `success` and `message`, as a newer copy of the documentation has it.
    list_item_messages: bool = False
    #: `request_id` and `api_version` are left out.
    bare_envelope: bool = False

    #: Seconds that a download link lives.
    link_seconds: float = 900.0
    #: A link that delivered only a part of its file is used up.
    broken_download_burns_link: bool = True
    #: Asking for the status ends the links given before.
    new_links_end_old: bool = False
    #: What a used or expired link answers; 200 comes with an HTML page, as the others do.
    spent_link_status: Literal[200, 403, 404, 410] = 404
    #: Name of the result's column with the input; `None`: the type's own.
    input_column: str | None = None
    #: Columns that no documentation knows, after the others.
    extra_columns: tuple[str, ...] = ()

    #: Rows a day beyond which the plan's quota is exceeded; `None`: no quota.
    quota_rows_per_day: int | None = None
    #: The account answers "insufficient credits" itself when there are none left.
    account_refuses_without_credits: bool = False
    #: Status that says "too many calls".
    throttle_status: Literal[429, 509] = 509

    #: `host[:port]` to which requests for any other host are redirected (301); `None`: no redirect.
    redirect_to_host: str | None = None
    #: Methods of the requests that are redirected.
    redirect_methods: tuple[str, ...] = ("GET", "POST")
    #: User agents that begin so are blocked with an HTML page, and so is an empty one.
    blocked_agents: tuple[str, ...] = ("python-", "Python-", "curl/", "Go-http-client")
    #: JSON answers are brotli-encoded for clients that say they accept it.
    brotli: bool = True


@dataclass(slots=True)
class WhoisXmlKnobs(Knobs):
    """What is open about WhoisXML's Email Verification Bulk."""

    first_id: int = 5
    retention_seconds: float | None = 7 * 86_400.0
    #: Asking for results after `retention_seconds` is an error, or gives an empty array.
    expired_results: Literal["error", "empty"] = "error"
    #: Jobs stay in list and status after their results are gone.
    expired_jobs_listed: bool = True
    #: Status for a wrong key; others than 401 and 403 come with a body that is not JSON.
    wrong_key_status: int = 401
    #: Part of the well-formed values (0.0 to 1.0) that fail. Frozen at acceptance.
    failed_share: float = 0.0
    #: The error of a value that failed though well-formed.
    failed_text: str = "Processing failed"
    #: Before a job is ready its results are what is done so far; otherwise an empty array.
    partial_results: bool = False
    #: Booleans of results are JSON booleans and nulls, not strings.
    real_booleans: bool = False
    #: Seconds that the provider's clock is ahead (negative: behind), as seen in dates.
    clock_skew_seconds: float = 0.0
    #: `api_version` is missing from jobs.
    bare_jobs: bool = False

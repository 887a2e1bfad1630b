"""The dashboard on the way of lists: where they are, where they take long, and what is oldest."""

from __future__ import annotations

from worker.alerting import reconciling, results, running
from worker.alerting.rule import Dashboard
from worker.core.states import PartState, UploadState
from worker.dashboards.expressions import age, now, or_zero, per_minute, per_second, quantile, spread, within
from worker.dashboards.panel import NONE_EXPECTED, Board, Form, Panel, Query, Row, Unit
from worker.exporter import families as f
from worker.metric_families import COMPLETION_LAG, DECISIONS, POLL_LATENESS, STAGE_DURATION, STALE_MESSAGES

#: States that parts leave, in the order of their way.
_UNDER_WAY = (
    *(PartState.HELD, PartState.PENDING, PartState.INTENT, PartState.SUBMITTED, PartState.FINISHED),
    PartState.QUARANTINED,
)
#: Stages of a list's life, and what happens in each.
_STAGES = {
    "prepare": "A list is read, and cut into parts.",
    "queued": "A part waits until it is submitted.",
    "submit": "A part is sent, and its job's id is known.",
    "remote": "The provider works on a job. Nothing here can make it faster.",
    "collect": "A result is fetched and verified, from the provider's end of its job on.",
    "upload": "A list from its request to its result: the time that applications see.",
}

_FUNNEL = Row(
    "Where lists are",
    (
        Panel(
            title="Uploads by state",
            description="All lists on record, in the order of their way. Those in attention have parts in quarantine.",
            form=Form.BARS,
            queries=tuple(Query(or_zero(now(f.UPLOADS, state=state)), str(state)) for state in UploadState),
        ),
        Panel(
            title="Parts by state",
            description="All parts on record, in the order of their way. Parts in quarantine wait for a person.",
            form=Form.BARS,
            queries=tuple(
                Query(or_zero(now(f.PARTS, state=state)), str(state))
                for state in dict.fromkeys((*_UNDER_WAY, *PartState))
            ),
            alerts=(reconciling.AMBIGUOUS_UPLOADS,),
        ),
        Panel(
            title="Parts under way",
            description="Parts that are not at their end, by state.",
            form=Form.SERIES,
            width=8,
            stacked=True,
            queries=(Query(now(f.PARTS, "state", state="|".join(_UNDER_WAY)), "{{state}}"),),
        ),
        Panel(
            title="Oldest in its state",
            description="For how long the upload or part that has waited longest is in its state.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(age(f.OLDEST, "record", "state"), "{{record}} {{state}}"),),
            blank="Nothing is under way.",
            alerts=(results.JOB_STUCK,),
        ),
        Panel(
            title="Finished results that are not here",
            description="For how long the one that waits longest does; 0 where none does. Providers delete results.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(
                Query(
                    f"{age(f.UNCOLLECTED_OLDEST, 'account')}\nor 0 * {now(f.ACTIVE, 'account')}",
                    "{{account}}",
                ),
            ),
            alerts=(results.RESULT_AT_RISK,),
        ),
    ),
)
_DURATIONS = Row(
    "How long the stages take",
    (
        *(
            Panel(
                title=f"Stage: {stage}",
                description=meaning,
                form=Form.HEATMAP,
                unit=Unit.SECONDS,
                width=8,
                queries=(Query(spread(STAGE_DURATION, stage=stage), "{{le}}"),),
            )
            for stage, meaning in _STAGES.items()
        ),
        Panel(
            title="Stages: 95% are shorter",
            description="Of 20 times that a stage took, 19 were shorter.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(quantile(0.95, STAGE_DURATION, "stage"), "{{stage}}"),),
        ),
        Panel(
            title="Results: from the provider's end to here",
            description="How late verified results are.",
            form=Form.HEATMAP,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(spread(COMPLETION_LAG), "{{le}}"),),
        ),
        Panel(
            title="Looks: how late",
            description="By how much looks at remote jobs came after they were due.",
            form=Form.HEATMAP,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(spread(POLL_LATENESS), "{{le}}"),),
        ),
    ),
)
_INTAKE = Row(
    "Intake",
    (
        Panel(
            title="Requests that are not answered",
            description="Requests in the stream that no intake process has answered.",
            form=Form.SERIES,
            width=8,
            queries=(Query(now(f.BACKLOG), "requests"), Query(now(f.INTAKE_PAUSED), "intake paused")),
            alerts=(results.REQUESTS_WAIT,),
        ),
        Panel(
            title="Oldest request",
            description="For how long the oldest unanswered request waits; 0 where none does.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(or_zero(age(f.BACKLOG_OLDEST)), "oldest"),),
            alerts=(results.REQUESTS_WAIT,),
        ),
        Panel(
            title="Requests rejected",
            description="By why. Applications get the reason with their answer.",
            form=Form.BARS,
            width=8,
            steps=NONE_EXPECTED,
            queries=(Query(within(f.REJECTED, "reason"), "{{reason}}"),),
        ),
    ),
)
_MOTION = Row(
    "What moves them",
    (
        Panel(
            title="Decisions",
            description="What was decided and written, of all uploads and parts.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            queries=(Query(per_minute(DECISIONS, "decision"), "{{decision}}"),),
        ),
        Panel(
            title="Parts: what is worth telling",
            description="Parts that were submitted, whose job was found (adopted), that had been verified before "
            "(reused), that need a person (quarantined), or whose result goes soon.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            queries=(Query(per_minute(f.PART_EVENTS, "event"), "{{event}}"),),
        ),
        Panel(
            title="Work that is overdue",
            description="Work items that nobody has looked at in time, by lane.",
            form=Form.SERIES,
            width=8,
            steps=NONE_EXPECTED,
            queries=(Query(now(f.OVERDUE, "lane"), "{{lane}}"),),
            alerts=(running.TIMERS_OVERDUE,),
        ),
        Panel(
            title="Work that is being done",
            description="Work items under a lease that lasts (held), and those whose worker went away (expired).",
            form=Form.SERIES,
            width=8,
            queries=(Query(now(f.LEASES, "state"), "{{state}}"),),
        ),
        Panel(
            title="Messages that were no longer true",
            description="Dropped without doing anything. Some are normal: the record had moved on before they came.",
            form=Form.SERIES,
            unit=Unit.PER_SECOND,
            width=8,
            queries=(Query(or_zero(per_second(STALE_MESSAGES, "reason"), "reason"), "{{reason}}"),),
        ),
    ),
)

BOARD = Board(
    Dashboard.PIPELINE,
    "bulkverify: pipeline",
    "Where are the lists, where do they take long, and which has waited longest?",
    (_FUNNEL, _DURATIONS, _INTAKE, _MOTION),
)

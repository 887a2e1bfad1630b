"""Broken rules of the submit itself: what is written before it, and what is made of its answer."""

from __future__ import annotations

from tests.builders.mutations.mutation import Mutation

SUBMIT = "tests/integration/test_submit.py"
OPEN_END = "tests/contract/test_conformance_submit.py::test_a_submit_with_an_open_end_is_never_taken_as_refused"
PART = "tests/unit/test_core_part.py"

SUBMITTING = (
    Mutation(
        "attempt_after_post",
        "the attempt is recorded in storage only after the request",
        "worker/actors/submit.py",
        "            attempt, is_new = open_attempt(context, part, now, part.lease.until if part.lease else now)\n"
        "            if is_new:\n"
        "                intent = core.intent(part, attempt, now)\n"
        "                written = context.apply(intent)\n"
        "                _spend(context, intent.parts[0].written(written.txn), connected, submission)\n"
        "                return\n",
        "            over_at = part.lease.until if part.lease else now\n"
        "            name = attempt_name(part.token, number)\n"
        "            intent = core.intent(part, Attempt(number=number, object=name, at=now, over_at=over_at), now)\n"
        "            written = context.apply(intent)\n"
        "            _spend(context, intent.parts[0].written(written.txn), connected, submission)\n"
        "            open_attempt(context, part, now, over_at)\n"
        "            return\n",
        (
            "tests/simulation/test_stepping.py::test_every_kind_of_effect_is_seen_once_and_in_its_order",
            f"{SUBMIT}::test_nothing_is_sent_when_the_attempt_cannot_be_recorded",
            f"{SUBMIT}::test_an_attempt_that_redis_forgot_stops_the_part",
        ),
    ),
    Mutation(
        "known_attempt_taken_for_new",
        "an attempt that is in storage already is made once more",
        "worker/actors/attempts.py",
        "    return attempt, context.storage.create(name, json.dumps(known, indent=1).encode())\n",
        "    context.storage.create(name, json.dumps(known, indent=1).encode())\n    return attempt, True\n",
        (f"{SUBMIT}::test_an_attempt_that_redis_forgot_stops_the_part",),
    ),
    Mutation(
        "late_id_fenced_away",
        "a remote id is dropped because the record has moved on since",
        "worker/actors/submit.py",
        '        learn(context, part.part_id, accepted.remote_id, "late_answer", service=part.service)\n',
        '        log.warning("late_answer_dropped", part=part.part_id)\n',
        (f"{SUBMIT}::test_an_answer_that_outlives_its_part_belongs_to_the_one_made_anew",),
    ),
    Mutation(
        "late_id_too_late_for_quarantine",
        "a remote id that is learned once the part is in quarantine does not resolve it",
        "worker/core/part.py",
        "part.state in {PartState.INTENT, PartState.QUARANTINED}\n",
        "part.state is PartState.INTENT\n",
        (f"{PART}::test_a_late_answer_resolves_an_open_attempt",),
    ),
    Mutation(
        "outcome_not_recorded",
        "an answer is not recorded in storage before the store is told",
        "worker/actors/submit.py",
        "        _close(context, part, Outcome(remote_id=accepted.remote_id))\n",
        "",
        (
            f"{SUBMIT}::test_an_accepted_part_has_its_id_and_its_outcome_recorded",
            "tests/simulation/test_stepping.py::test_every_kind_of_effect_is_seen_once_and_in_its_order",
        ),
    ),
    Mutation(
        "unlisted_refusal_trusted",
        "an answer that is no known refusal is taken to be one",
        "worker/providers/refusals.py",
        '    return OutcomeUnknown(\n        f"{told}; not a known refusal',
        '    return Refused(\n        f"{told}; not a known refusal',
        (
            f"{OPEN_END}[ipqs-form-header-refusal in unknown words]",
            f"{OPEN_END}[whoisxml-json-body-server error]",
            "tests/contract/test_whoisxml_errors.py::test_only_listed_refusals_close_an_attempt",
        ),
    ),
    Mutation(
        "refusal_by_code_alone",
        "a refusal is trusted for its status code, whatever it says",
        "worker/providers/refusals.py",
        "        if answer.status in refusal.statuses and message.strip().lower().startswith(refusal.begins):\n",
        "        if answer.status in refusal.statuses:\n",
        ("tests/contract/test_whoisxml_errors.py::test_only_listed_refusals_close_an_attempt",),
    ),
    Mutation(
        "crash_taken_for_refusal",
        "a defect while the request is under way counts as if nothing had been sent",
        "worker/actors/submit.py",
        '        _search_later(context, part, "outcome_unknown", message)\n',
        '        context.apply(core.hold(part, context.store.now(), "outcome_unknown", context.store.now()))\n',
        (f"{SUBMIT}::test_an_unforeseen_failure_while_sending_counts_as_an_unknown_outcome",),
    ),
    Mutation(
        "submit_retried",
        "a submit without an answer is sent once more",
        "worker/providers/submit_connection.py",
        "            answer = exchange.run(call, body)\n",
        "            answer = exchange.run(call, body) or exchange.run(call, body)\n",
        (f"{OPEN_END}[ipqs-form-header-answer lost]", f"{OPEN_END}[whoisxml-json-body-answer lost]"),
    ),
    Mutation(
        "deadline_not_looked_at",
        "a request is begun although its deadline is over",
        "worker/providers/submit_connection.py",
        "        if left_seconds <= 0:\n            raise TimeoutError\n",
        "        left_seconds = max(left_seconds, 1.0)\n",
        ("tests/contract/test_submit_connection.py::test_a_deadline_in_the_past_does_not_even_connect",),
    ),
    Mutation(
        "lease_shorter_than_deadline",
        "the lease of an attempt may end while its request is still under way",
        "worker/actors/submit.py",
        "    lease_seconds = settings.submit_deadline_seconds + settings.lease_margin_seconds\n",
        "    lease_seconds = settings.lease_margin_seconds\n",
        (f"{SUBMIT}::test_a_lease_outlasts_the_deadline_of_its_request",),
    ),
    Mutation(
        "deadline_from_after_the_lease",
        "the deadline counts from after the lease was taken, and may outlast it",
        "worker/actors/submit.py",
        "            submission = submission_of(context, upload, reserved, values, since)\n",
        "            submission = submission_of(context, upload, reserved, values, time.monotonic())\n",
        (f"{SUBMIT}::test_a_lease_outlasts_the_deadline_of_its_request",),
    ),
    Mutation(
        "many_open_attempts_without_names",
        "several attempts are open at once although the provider's list does not show whose job is whose",
        "worker/actors/submit.py",
        "        intents_max=None if named else 1,\n",
        "        intents_max=None,\n",
        (f"{SUBMIT}::test_one_attempt_at_a_time_until_a_name_was_echoed",),
    ),
    Mutation(
        "spent_part_reserved",
        "credits are reserved for a part that may have been spent for",
        "worker/core/part.py",
        "    if part.state not in PART_UNSPENT:\n",
        "    if part.terminal:\n",
        (f"{PART}::test_nothing_is_reserved_for_a_part_that_may_have_been_charged",),
    ),
    Mutation(
        "reservation_not_released",
        "what was reserved is not given back when nothing was spent",
        "worker/core/part.py",
        "    return {Entry.RELEASED: part.credits_reserved} if part.credits_reserved else {}\n",
        "    return {}\n",
        (
            f"{PART}::test_what_was_reserved_is_released_when_nothing_is_spent",
            f"{PART}::test_cancelling_releases_a_reservation_that_was_never_used",
        ),
    ),
)

"""Broken rules of the search: what may be concluded from a remote list, and when."""

from __future__ import annotations

from tests.builders.mutations.mutation import Mutation

CORE = "tests/unit/test_core_search.py"
WHOLE = "tests/simulation/test_search_before_spend.py"

SEARCHING = (
    Mutation(
        "search_skipped",
        "an attempt without a known outcome is taken to be unspent",
        "worker/actors/submit.py",
        "        search(context, connected, part)\n",
        '        _write(context, part, core.hold(part, now, "attempt_known", now))\n',
        (
            "tests/integration/test_submit.py::test_an_attempt_without_a_known_outcome_is_never_followed_by_another",
            f"{WHOLE}::test_a_job_whose_answer_was_lost_is_found_and_not_paid_again[whoisxml-main-after]",
        ),
    ),
    Mutation(
        "names_not_matched",
        "a listed job that carries the part's token is not recognised",
        "worker/actors/sighting.py",
        "        if token is None or token in self._open_attempts:\n"
        '            return self._open_attempts.get(token or "")\n',
        "        if token is None or token in self._open_attempts:\n            return None\n",
        # A sweep would find the job all the same, as nobody's that carries the token of a part.
        ("tests/integration/test_submit.py::test_one_walk_serves_every_open_attempt_of_an_account",),
    ),
    Mutation(
        "ends_at_watermark",
        "a walk that ended at the watermark counts as complete",
        "worker/actors/walk.py",
        "            if until is not None and not any(_above(job.remote_id, until) for job in page.jobs):\n",
        "            if until is not None and not any(_above(job.remote_id, until) for job in page.jobs):\n"
        "                self.sweep.complete = True\n",
        (f"{WHOLE}::test_a_walk_that_ends_at_the_watermark_is_incomplete",),
    ),
    Mutation(
        "incomplete_walk_counts",
        "a walk that has not read every page proves an absence",
        "worker/core/search.py",
        "    if walked.complete and walked.began_at >= settled_at:\n",
        "    if walked.began_at >= settled_at:\n",
        (f"{CORE}::test_an_incomplete_walk_proves_nothing",),
    ),
    Mutation(
        "unsettled_walk_counts",
        "a walk that began before the job must have appeared proves an absence",
        "worker/core/search.py",
        "    if walked.complete and walked.began_at >= settled_at:\n",
        "    if walked.complete:\n",
        (
            f"{CORE}::test_nothing_is_concluded_before_the_job_must_have_appeared",
            f"{WHOLE}::test_a_request_that_never_left_is_sent_again_once_its_job_must_have_appeared",
        ),
    ),
    Mutation(
        "filtered_list_counts",
        "a list that shows jobs of another kind only, as one filtered by type does, proves an absence",
        "worker/core/search.py",
        'control=controls.get(part.kind, "")',
        'control=next(iter(controls.values()), "")',
        (f"{CORE}::test_a_control_of_another_kind_is_none",),
    ),
    Mutation(
        "no_control_needed",
        "a list that shows no job of ours proves an absence",
        "worker/core/search.py",
        "    shown = sum(bool(absence.control) for absence in part.absences)\n",
        "    shown = len(part.absences)\n",
        (f"{CORE}::test_a_list_that_shows_no_job_of_ours_proves_nothing_and_a_person_is_asked",),
    ),
    Mutation(
        "one_absence_is_enough",
        "a single walk proves an absence",
        "worker/core/search.py",
        "ABSENCES_NEEDED = 2\n",
        "ABSENCES_NEEDED = 1\n",
        (f"{CORE}::test_one_walk_is_not_enough_and_the_next_comes_soon",),
    ),
    Mutation(
        "one_look_counts_twice",
        "two workers that walk at the same moment prove an absence",
        "worker/core/search.py",
        "    if part.absences and walked.began_at < part.absences[-1].began_at + rules.floor_seconds:\n",
        "    if part.absences and walked.began_at < part.absences[-1].began_at:\n",
        (f"{CORE}::test_two_walks_at_the_same_moment_count_once",),
    ),
    Mutation(
        "living_attempt_ignored",
        "another attempt may follow one that a living process still holds",
        "worker/actors/unresolved.py",
        "            alive=part.attempt is not None and part.attempt.object in alive,\n",
        "            alive=False,\n",
        (f"{WHOLE}::test_nothing_follows_an_attempt_that_a_living_process_may_still_be_sending",),
    ),
    Mutation(
        "asking_ignored",
        "an account that wants a person's word is not asked",
        "worker/core/search.py",
        "        return _asked(part, now) if grounds.ask else _absent(part, _open(part), now)\n",
        "        return _absent(part, _open(part), now)\n",
        (f"{CORE}::test_an_account_may_ask_before_anything_is_submitted_again",),
    ),
    Mutation(
        "adoption_never_undone",
        "a job that was found by its time is the part's, whatever its values are",
        "worker/actors/collect.py",
        "    if not part.provisional or _answers(summary, part):\n",
        "    if part.remote_id:\n",
        (f"{WHOLE}::test_a_strangers_job_of_that_time_is_given_up_for_the_parts_own",),
    ),
    Mutation(
        "doubtful_values_disowned",
        "a job with nearly the part's values is taken for a stranger's, and another attempt may follow",
        "worker/core/search.py",
        "    if shared is None or shared >= SHARED_DOUBTFUL:\n",
        "    if shared is None:\n",
        (f"{CORE}::test_values_that_are_nearly_the_parts_own_are_a_persons_matter",),
    ),
    Mutation(
        "taken_job_not_in_the_way",
        "a job that another part only seems to have does not stop the next attempt",
        "worker/core/search.py",
        "    if not unproven:\n",
        "    if all(job.taken_by is not None for job in unproven):\n",
        (f"{CORE}::test_a_job_that_another_part_only_seems_to_have_stands_in_the_way",),
    ),
)

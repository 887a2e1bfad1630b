"""Broken rules of the store, of messages and of intake: what is written, by whom, and how often."""

from __future__ import annotations

from tests.builders.mutations.mutation import Mutation

COMMIT = "tests/integration/test_store_commit.py"
TAKEOVER = "tests/integration/test_intake_takeover.py"

WRITING = (
    Mutation(
        "epoch_not_checked",
        "a message of before the last lease has its step done once more",
        "worker/actors/shell.py",
        "    elif record.epoch != epoch:\n",
        "    elif record.epoch < epoch - 1:\n",
        ("tests/integration/test_shell.py::test_a_stale_hint_does_nothing",),
    ),
    Mutation(
        "living_lease_ignored",
        "a step is done although another process has the lease",
        "worker/actors/shell.py",
        '    elif record.lease is not None and record.leased_now(context.store.now()):\n        reason = "leased"\n',
        "",
        ("tests/integration/test_shell.py::test_a_stale_hint_does_nothing",),
    ),
    Mutation(
        "version_not_checked",
        "a decision is written over what others have written since",
        "worker/store/lua/commit.lua",
        "  elseif old.version ~= new.expected or (new.read ~= '' and (old.txn or '') ~= new.read) then\n",
        "  elseif old.version < 0 then\n",
        (
            f"{COMMIT}::test_a_stale_version_writes_nothing_at_all",
            f"{COMMIT}::test_of_many_workers_that_take_one_part_exactly_one_has_it",
        ),
    ),
    Mutation(
        "repetition_not_recognised",
        "a write that is repeated because its reply was lost is taken for another one",
        "worker/store/lua/commit.lua",
        "  if old.txn == change.txn then\n",
        "  if old.txn == '' then\n",
        (f"{COMMIT}::test_a_write_whose_reply_was_lost_is_written_once",),
    ),
    Mutation(
        "remote_id_taken_from_another",
        "a part takes a remote job that is another part's",
        "worker/store/lua/commit.lua",
        "  if owner and owner ~= claim.part_id then\n",
        "  if owner and owner == '' then\n",
        (
            f"{COMMIT}::test_a_remote_id_of_another_part_is_refused_and_nothing_written",
            "tests/integration/test_submit.py::test_a_remote_id_of_another_part_is_not_taken_over",
        ),
    ),
    Mutation(
        "limits_not_checked",
        "two workers can both take the last place on an account",
        "worker/store/lua/commit.lua",
        "  if redis.call('SCARD', key(guard.name, guard.account)) >= guard.most then\n",
        "  if guard.most < 0 then\n",
        (f"{COMMIT}::test_of_many_parts_that_want_the_last_places_only_as_many_get_one",),
    ),
    Mutation(
        "commands_retried",
        "the Redis client repeats commands by itself",
        "worker/store/client.py",
        "        retry=Retry(NoBackoff(), 0),\n",
        "        retry=Retry(NoBackoff(), 3),\n",
        ("tests/integration/test_store_client.py::test_a_command_whose_reply_was_lost_is_not_sent_again",),
    ),
    Mutation(
        "ack_before_commit",
        "a request is acknowledged before its upload is written",
        "worker/intake/stream.py",
        "            request = read_request(fields)\n",
        "            self._client.xack(UPLOADS_STREAM, INTAKE_GROUP, entry_id)\n"
        "            request = read_request(fields)\n",
        (f"{TAKEOVER}::test_an_intake_that_dies_before_its_write_leaves_the_request_to_another",),
    ),
    Mutation(
        "locks_not_taken",
        "an attempt is made without the lock that shows that its process lives",
        "worker/spending.py",
        "                return lock\n",
        "                fcntl.flock(lock, fcntl.LOCK_UN)\n                return lock\n",
        (
            "tests/integration/test_spending.py::test_an_attempt_is_held_as_long_as_it_is_made",
            "tests/integration/test_spending.py::test_one_attempt_is_made_by_one_at_a_time",
        ),
    ),
    Mutation(
        "record_overwritten",
        "an object that is to be made once replaces the one that is there",
        "worker/storage/local.py",
        "            created = _link(private, target)\n",
        "            private.replace(target)\n            created = True\n",
        ("tests/integration/test_storage.py::test_create_succeeds_once",),
    ),
    Mutation(
        "manifest_not_withdrawn",
        "the manifest of an earlier result stays while another result takes that one's place",
        "worker/actors/publishing.py",
        "        _withdraw(storage, manifest, delivered.sha256)\n",
        "",
        (
            "tests/integration/test_publishing.py::test_a_result_that_is_the_same_again_keeps_its_manifest",
            "tests/integration/test_publishing.py::test_a_kill_leaves_the_old_result_the_new_one_or_none",
        ),
    ),
)

"""The documentation of all commands, made from their help: `python -m worker.cli.command_docs > docs/commands.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from producers.records import Status
from worker.cli.defects import EXIT_DEFECT
from worker.cli.main import EXIT_READER_GONE, SECTIONS, bulkverify

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters of a line of help.
LINE_CHARACTERS = 100
#: Shells that click completes for: the file that they read, and the line that it needs.
COMPLETIONS = (
    ("bash 4.4 and newer", "`~/.bashrc`", 'eval "$(_BULKVERIFY_COMPLETE=bash_source bulkverify)"'),
    ("zsh", "`~/.zshrc`, after `compinit`", 'eval "$(_BULKVERIFY_COMPLETE=zsh_source bulkverify)"'),
    ("fish", "`~/.config/fish/config.fish`", "_BULKVERIFY_COMPLETE=fish_source bulkverify \\| source"),
)

#: What `--json` prints: the commands, how many documents, and their keys.
JSON_DOCUMENTS = (
    (
        "`upload`, `wait`, `result`",
        "one a line and upload",
        "upload_id file state already_known reason message remedy result output exit_code",
    ),
    (
        "`watch`",
        "one a line and event",
        "at event file upload_id state already_known reason message remedy moved_to",
    ),
    (
        "`verify`",
        "one",
        "good result upload_id partial counts rows states verdicts bytes sha256 objects findings remedy",
    ),
    ("`events`", "one a line and event", "id event upload_id at details"),
    ("`ls`", "a list of uploads", " ".join(Status.model_fields)),
    ("`show`", "one", "now upload parts"),
    ("`why`", "one", "now upload_id state timeline next quota budget"),
    (
        "`cancel`",
        "one a line and upload",
        "upload_id state outcome message credits_spent credits_reserved rows_not_collected code",
    ),
    (
        "`retry`",
        "one a line and upload",
        "upload_id state outcome message parts_woken new_upload_id rows_most rows_paid_before code",
    ),
    (
        "`resolve`",
        "one a line and part",
        "upload_id state outcome message part rows_most code evidence",
    ),
    (
        "`recover`",
        "one",
        (
            "dry_run uploads uploads_known parts rows credits_safe credits_unclear parts_unsent_stopped "
            "parts_unsent_going_on to_ask_again failures code"
        ),
    ),
    (
        "`accounts`",
        "a list of accounts",
        "account provider active_parts active_parts_max rows_today budget credits credits_at durations accepted pauses",
    ),
    ("`reconcile`", "one", "mode accounts interrupted code"),
    ("`reconcile --accept-ledger`", "one", "mode account accepted code"),
    ("`drift`", "one", "findings accounts code"),
    (
        "`top`",
        "one a line and frame",
        (
            "at uploads parts oldest_seconds rows rows_per_minute accounts queues delayed requests intake_paused "
            "processes redis uploads_under_way needs"
        ),
    ),
    ("`doctor`", "one", "ok counts checks code"),
    ("`config check`", "one", "ok settings accounts problems cautions"),
    ("`demo`", "one", "seconds folder uploads calls"),
    ("`sandbox`", "one", "accounts environment"),
)

_JSON_HEAD = """\
## JSON

With `--json`, standard output holds JSON in UTF-8 and nothing else. Keys keep their names and meanings. There may be
new ones, and new words where a word is expected: ignore what you do not know. Times are epoch seconds.

| command | documents | keys |
|---|---|---|"""

_JSON_OUTCOMES = """
Of an upload that does not exist, `show` and `why` print `upload_id`, `state` (empty), `outcome` (`unknown`), `message`
and `code`, as `cancel` and `retry` do. Where `upload` has to submit nothing, such as for a missing file, it prints one
document with an empty `upload_id`, the state `unknown`, and why in `reason` and `message`.

In `retry`, `parts_woken` is there for uploads that go on, and the three keys after it for those that are submitted
anew. `outcome` of `cancel` is `requested`, `already_requested`, `already_cancelled`, `too_late`, `contended`,
`unknown` or `unreadable`. Of `retry` it is `woken`, `submitted`, `already_retried`, `nothing_waits`, `needs_person`,
`needs_spend`, `completed`, `cancelling`, `source_gone`, `id_taken`, `id_too_long`, `not_confirmed`, `unknown` or
`unreadable`. What would be done, and is not without `--yes`, is `would_request`, `would_wake` and `would_submit`.
An upload is `unreadable` when a later version of the program wrote it, or its record is damaged.

`outcome` of `resolve` is `adopted`, `resubmitted` or `given_up`, each with `already_` before it when the command was
given before; `shown` without a decision; `wrong_spend`, with `rows_most`, the number that `--yes-spend` takes. A part
stays as it is for `not_in_quarantine`, `has_job`, `ended`, `cancelling`, `too_early`, `accepted`,
`accepted_as_another`, `attempt_closed`, `taken`, `account_unknown`, `moved_on` or `contended`; and, where `--unchecked`
overrules it, for `not_looked_at`, `unknown_job`, `other_token` or `other_rows`. `evidence` is what is known of the
part: `reason`, `message`, `rows`, `rows_maybe_paid`, `attempts`, `remote_ids`, and `listed` with `--list`.

`mode` of `reconcile` is `plan` or `apply`. Each of its `accounts` has `account`, `provider`, `list` (null where nothing
was seen: `began_at`, `complete`, `proven`, `pages`, `jobs` by status, `ours`, `orphans`), `account_mismatch`,
`findings`, `counts` of them by `fate`, `repairs_left` for the next sweep, `parts_moved` without any finding, `failure`
(empty where all was found out) and `code`. A finding has `class`, `severity` (`info`, `warn` or `page`), `account`,
`subject`, `believed`, `times`, `first_seen_at`, `last_seen_at`, `age_seconds`, `evidence`, `becomes` (`mended`,
`watched`, `person` or `told`), `next`, `commands` that it names, and `runbook`; in `reconcile` also `fate` and `text`.
`fate` is `repair`, `import`, `moved_on`, `frozen`, `person`, `watched`, `told`, `suspected` or `gone`.

`accepted` is null, or `at`, `since`, `by`, `taken`, `spent`, `reserved` and `reserved_by_parts`. Of `drift`, each of
the `accounts` has `account`, `swept_at`, `complete_at` and `outcome` of the last walk.

Each of the `checks` of `doctor` has `area`, `name`, `state` (`ok`, `unknown`, `warning` or `problem`), `text`, `remedy`
and the `commands` that the remedy names; `counts` are theirs by state. `needs` of `top` are such checks, of those that
are not `ok`. While Redis is away, `top` prints `message` and `since` instead.
"""


def markdown() -> str:
    """All commands, by section, each with its help; before them the exit codes that they share."""
    return "\n".join([*_head(), *_commands()])


def _head() -> Iterator[str]:
    yield "# Commands\n"
    yield "Made from the commands' own help with `python -m worker.cli.command_docs`; a test compares the two.\n"
    yield "Standard output holds what was asked for; everything else goes to standard error. With `--json` a command"
    yield "prints JSON and nothing else. Where standard output is no terminal, tables are plain and aligned.\n"
    yield "## Exit codes\n"
    yield "| code | meaning |"
    yield "|---|---|"
    meanings = {code.value: code.meaning for code in ExitCode}
    meanings[EXIT_DEFECT] = "A defect of the program; the message says where its traceback is."
    meanings[EXIT_READER_GONE] = "Whoever read the output has gone, as in `bulkverify ls \\| head -1`."
    for code, meaning in sorted(meanings.items()):
        yield f"| {code} | {meaning} |"
    yield "\n`up`, `config check`, `verify`, `reconcile`, `drift` and `doctor` have codes of their own; see there.\n"
    yield from _json_documents()
    yield "## Completion\n"
    yield "The Tab key completes commands, options and files once the shell has been told: put one of these lines into"
    yield "the file beside it.\n"
    yield "| shell | file | line |"
    yield "|---|---|---|"
    for shell, file, line in COMPLETIONS:
        yield f"| {shell} | {file} | `{line}` |"
    yield ""


def _json_documents() -> Iterator[str]:
    yield _JSON_HEAD
    for command, documents, keys in JSON_DOCUMENTS:
        yield f"| {command} | {documents} | {', '.join(f'`{key}`' for key in keys.split())} |"
    yield _JSON_OUTCOMES


def _commands() -> Iterator[str]:
    context = _context(bulkverify, None)
    for section in SECTIONS:
        yield f"## {section.title}\n"
        for listed in section.commands:
            command = bulkverify.get_command(context, listed.name)
            if command is not None:
                yield from _command(command, _context(command, context, listed.name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"### {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(inner, _context(inner, context, name))


def _context(command: click.Command, parent: click.Context | None, name: str = "bulkverify") -> click.Context:
    return click.Context(
        command, parent=parent, info_name=name, terminal_width=LINE_CHARACTERS, **command.context_settings
    )


if __name__ == "__main__":
    click.echo(markdown(), nl=False)

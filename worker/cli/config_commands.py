"""`bulkverify config`: check the configuration that is in force, and print the documentation of the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from config.redaction import redactor
from worker.cli.tables import Column, print_heading, print_json, print_table

if TYPE_CHECKING:
    from worker.cli.config_report import AccountRow, Report

#: Exit code of a check that found problems.
EXIT_PROBLEMS = 1

_EPILOG = """\b
Exit codes:
  0  The configuration can be used; there may be cautions.
  1  There are problems; each is printed with its remedy.
"""


@click.group()
def config() -> None:
    """Check and explain the configuration."""


@config.command(epilog=_EPILOG)
@click.option("--live", is_flag=True, help="Ask each account for its credits: calls the providers, and is not charged.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(*, live: bool, as_json: bool) -> None:
    """Check settings and accounts, and show what is in force and where it came from. Never shows a key."""
    from worker.cli.config_report import report  # noqa: PLC0415 - slow to import: the adapters and their HTTP library

    found = report(os.environ, live=live)
    if as_json:
        print_json(found.as_document())
    else:
        _print(found)
    if found.problems:
        raise click.exceptions.Exit(EXIT_PROBLEMS)


@config.command()
def docs() -> None:
    """Print the documentation of all settings as Markdown."""
    from config.settings_docs import markdown  # noqa: PLC0415 - slow to import; `check` does without it

    click.echo(markdown(), nl=False)


def _print(found: Report) -> None:
    if found.settings:
        rows = [(row.variable, redactor.redact(row.value, sink="command"), row.origin) for row in found.settings]
        print_table([Column("setting"), Column("value"), Column("from")], rows)
    if found.accounts:
        print_heading("Accounts")
        _print_accounts(found.accounts)
    if found.cautions:
        print_heading("Cautions")
        for caution in found.cautions:
            click.echo(f"  {redactor.redact(caution, sink='command')}")
    if found.problems:
        print_heading("Problems")
        for problem in found.problems:
            click.echo(f"  {redactor.redact(str(problem), sink='command')}")
    click.echo("\nThe configuration cannot be used." if found.problems else "\nThe configuration can be used.")


def _print_accounts(accounts: tuple[AccountRow, ...]) -> None:
    columns = [
        Column("account"),
        Column("provider"),
        Column("key from"),
        Column("calls/s", right=True),
        Column("jobs", right=True),
        Column("credits", right=True),
        Column("base URL"),
    ]
    print_table(
        columns,
        [
            (
                row.name,
                row.provider,
                row.key_from,
                f"{row.requests_per_second:g}",
                row.max_active,
                row.credits,
                row.base_url,
            )
            for row in accounts
        ],
    )

"""`bulkverify`: the table of all commands, and what happens to the errors of any of them."""

from __future__ import annotations

import os
import sys
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import click

from producers.exit_codes import ExitCode
from worker.cli.defects import defect
from worker.cli.door import Door
from worker.cli.failures import Failure, failure_of
from worker.cli.lazy_group import LazyCommand, LazyGroup, Section

if TYPE_CHECKING:
    from pathlib import Path

#: Exit code when whoever read the output has gone, as a shell reports a program that SIGPIPE ended.
EXIT_READER_GONE = 141

#: Every command: its name, where it is, and its line in the help.
SECTIONS = (
    Section(
        "Try it",
        (
            LazyCommand(
                "demo", "worker.cli.demo.command:demo", "Send sample lists through all of it, at simulated providers."
            ),
            LazyCommand("sandbox", "worker.cli.sandbox_command:sandbox", "Run the simulated providers alone."),
        ),
    ),
    Section(
        "Lists",
        (
            LazyCommand("upload", "producers.commands:upload", "Send lists to be verified."),
            LazyCommand("watch", "producers.commands:watch", "Send every list that is put into a folder."),
            LazyCommand("wait", "producers.commands:wait", "Wait until uploads have ended."),
            LazyCommand("result", "producers.commands:result", "Tell where an upload's result is, or copy it."),
            LazyCommand("verify", "worker.cli.verify.command:verify", "Check a result against its manifest."),
            LazyCommand("events", "producers.commands:events", "Print what happened to uploads, also as it happens."),
            LazyCommand("schema", "producers.commands:schema", "Print the JSON Schema of requests."),
        ),
    ),
    Section(
        "Uploads",
        (
            LazyCommand("ls", "worker.cli.listing:ls", "List uploads."),
            LazyCommand("show", "worker.cli.show:show", "Show an upload and its parts."),
            LazyCommand("why", "worker.cli.why:why", "Tell what happened to an upload, what happens next, and when."),
            LazyCommand("cancel", "worker.cli.cancel:cancel", "Spend nothing more on uploads."),
            LazyCommand("retry", "worker.cli.retry:retry", "Bring uploads that stopped back to work."),
            LazyCommand("resolve", "worker.cli.resolve:resolve", "Decide about parts in quarantine."),
            LazyCommand(
                "recover", "worker.cli.recover.command:recover", "Make uploads again that Redis has lost, from storage."
            ),
        ),
    ),
    Section(
        "Installation",
        (
            LazyCommand("up", "worker.cli.up:up", "Run every process on this machine."),
            LazyCommand("run", "worker.cli.run:run", "Run one process: intake, worker, poller or exporter."),
            LazyCommand("accounts", "worker.cli.accounts:accounts", "Tell what accounts may do now, and what waits."),
            LazyCommand(
                "reconcile",
                "worker.cli.reconcile.command:reconcile",
                "Compare accounts with their providers' lists, and repair.",
            ),
            LazyCommand("drift", "worker.cli.drift:drift", "List what differs between here and the providers."),
            LazyCommand("top", "worker.cli.top.command:top", "Watch uploads, accounts and queues as they change."),
            LazyCommand("doctor", "worker.cli.doctor.command:doctor", "Look at everything, and say what is not right."),
            LazyCommand("config", "worker.cli.config_commands:config", "Check and explain the configuration."),
        ),
    ),
)


class Bulkverify(LazyGroup):
    """The root: every error of every command ends here, in one message and a documented exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command that `ctx` names."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            raise click.exceptions.Exit(_reader_gone()) from None
        except Exception as error:  # noqa: BLE001 - the one place that may: an error that nobody expects is kept and named
            raise (_unwritten(error) or failure_of(error) or defect(error, _home(ctx))) from None


def _home(ctx: click.Context) -> Path | None:
    """The home folder, `None` when the settings cannot be read."""
    try:
        return ctx.ensure_object(Door).settings().home
    except Exception:  # noqa: BLE001 - this is asked while a defect is reported, and the defect is what counts
        return None


def _print_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's signature
    if not asked or ctx.resilient_parsing:
        return
    from config.version import version  # noqa: PLC0415 - as slow to import as all the rest

    click.echo(f"bulkverify {version()}")
    ctx.exit()


@click.group(
    cls=Bulkverify,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="What is set, and how: `bulkverify config docs`. Exit codes: see each command's help.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def bulkverify(ctx: click.Context) -> None:
    """Verify lists in bulk with a paid provider: charged once, every row back."""
    if ctx.obj is None:
        ctx.obj = Door()
        ctx.call_on_close(ctx.obj.close)


def main() -> None:
    """The console script."""
    try:
        try:
            bulkverify(prog_name="bulkverify")
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.exit(_reader_gone())
    except OSError as error:
        failure = _unwritten(error)
        if failure is None:
            raise
        failure.show()
        sys.exit(failure.exit_code)


def _reader_gone() -> int:
    """The exit code of a command whose output nobody reads any more; what is still buffered goes nowhere."""
    _drop_output()
    return EXIT_READER_GONE


def _unwritten(error: Exception) -> Failure | None:
    """The end of a command whose output takes no more, such as on a full disk; `None` when the error is another one.

    Everything is written by `click.echo`, and what it left in the buffer by `main`: the error comes from one of them.
    """
    if not isinstance(error, OSError):
        return None
    *_, (frame, _line) = walk_tb(error.__traceback__)
    if frame.f_code not in (click.echo.__code__, main.__code__):
        return None
    _drop_output()
    message = f"The output cannot be written: {error.strerror}. Nothing that was done before is undone."
    return Failure(message, ExitCode.FAILED)


def _drop_output() -> None:
    """Send what is still buffered nowhere, since Python would fail once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()

"""The demo as an operator sees it: a real Prometheus, an alert that fires and ends, and pictures of the dashboards.

Run as `python -m tests.builders.dashboards.observability`, which is what `make observability` does. It takes a
minute or two, and nothing keeps running afterwards.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import requests

from producers.client import Client
from producers.exit_codes import ExitCode
from producers.following import follow
from producers.progress import progress
from tests.builders.dashboards.answers import Span
from tests.builders.dashboards.picture import draw_all
from tests.builders.deadline import wait_until
from tests.builders.observed.prometheus import Prometheus
from tests.builders.server_process import free_port
from worker.alerting.provider import UNKNOWN_STATUS
from worker.cli.demo.lists import IPQS, LISTS
from worker.cli.demo.sending import send
from worker.cli.demo.stage import running_stage
from worker.cli.failures import Failure
from worker.host.embedded import server_url
from worker.host.supervisor import stop_on_signals

if TYPE_CHECKING:
    from worker.cli.demo.stage import Stage

#: Where everything is kept, and where the pictures are left; below the current folder.
FOLDER, PICTURES = Path("build/observability"), Path("build/dashboards")
#: Seconds that the lists of the demo get, and those of the alert; and Prometheus to scrape for the first time.
LISTS_SECONDS, ALERT_LISTS_SECONDS, SCRAPE_SECONDS = 120.0, 60.0, 60.0
#: Seconds that one call to the simulated providers may take.
CALL_SECONDS = 10.0
#: Lists at the provider that says a word nobody knows, and rows of each.
ODD_LISTS, ODD_ROWS = 3, 200
#: Settings besides the demo's own: sweeps are often enough for two minutes to have many.
SETTINGS = {"BULKVERIFY_RECONCILE_PERIOD_SECONDS": "3"}
#: What the simulated provider says of jobs that are under way.
USUAL_WORD, ODD_WORD = "PROCESSING", "PONDERING"


@click.command()
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True)
@click.option("--pictures", type=click.Path(file_okay=False, path_type=Path), default=PICTURES, show_default=True)
def observability(*, folder: Path, pictures: Path) -> None:
    """Watch the demo with a real Prometheus, have an alert fire and end, and draw the dashboards."""
    if shutil.which("prometheus") is None:
        remedy = "Install it (Debian: apt-get install prometheus; macOS: brew install prometheus), and run this again."
        raise Failure(f"There is no `prometheus` on the PATH. {remedy}", ExitCode.USAGE)
    try:
        with stop_on_signals(_interrupt):
            _watch(folder.absolute(), pictures.absolute())
    except KeyboardInterrupt:
        click.echo("Interrupted; everything was ended.", err=True)
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    except AssertionError as late:
        raise Failure(f"This did not come in time: {late}. The logs are in {folder}.", ExitCode.FAILED) from None


def _interrupt() -> None:
    raise KeyboardInterrupt


def _watch(folder: Path, pictures: Path) -> None:
    port = free_port()
    click.echo("Starting the demo's processes, and a Prometheus with the rules in a hurry …")
    with (
        running_stage(folder, SETTINGS | {"BULKVERIFY_METRICS_PORT": str(port)}) as stage,
        Prometheus(folder / "prometheus", port, ages={}) as prometheus,
        Client(server_url(stage.home), producer="observability") as client,
    ):
        began = time.time()
        click.echo(f"Prometheus: {prometheus.url}")
        wait_until(
            lambda: prometheus.values("min(up)") == [1], seconds=SCRAPE_SECONDS, what="an answer of every target"
        )
        for target in prometheus.targets():
            click.echo(f"Target {target['scrapeUrl']}: {target['health']}")
        send(client, stage)
        _follow(client, [sample.upload_id for sample in LISTS], LISTS_SECONDS)
        _have_an_alert(client, stage, prometheus)
        for picture in draw_all(Span(prometheus.url, began, time.time()), pictures):
            click.echo(f"Drawn: {picture}")


def _have_an_alert(client: Client, stage: Stage, prometheus: Prometheus) -> None:
    """The provider says a word nobody knows, and then one that is known again."""
    _say(stage, ODD_WORD)
    uploads = []
    for number in range(ODD_LISTS):
        path = stage.places.folder / f"odd-{number}.txt"
        path.write_text("".join(f"odd{number}{row}@example.com\n" for row in range(ODD_ROWS)))
        options = {"header": False}
        uploads.append(client.submit(path, account=IPQS, kind="email", upload_id=path.stem, options=options))
    prometheus.wait_for(UNKNOWN_STATUS.name, account=IPQS)
    click.echo(f"Fires: {UNKNOWN_STATUS.name}, because {IPQS} says {ODD_WORD} of jobs.")
    _say(stage, USUAL_WORD)
    _follow(client, uploads, ALERT_LISTS_SECONDS)
    prometheus.wait_for_the_end_of(UNKNOWN_STATUS.name)
    click.echo(f"Ended: {UNKNOWN_STATUS.name}.")


def _say(stage: Stage, word: str) -> None:
    knobs = {"ipqs": {"processing_word": word}}
    requests.post(f"{stage.providers_url}/_sandbox/knobs", json=knobs, timeout=CALL_SECONDS).raise_for_status()


def _follow(client: Client, uploads: list[str], seconds: float) -> None:
    with progress(quiet=False) as display:
        reports = list(follow(client, {upload: upload for upload in uploads}, display, seconds))
    unfinished = [report.upload_id for report in reports if report.code is not ExitCode.OK]
    assert not unfinished, f"the end of {', '.join(unfinished)}"


if __name__ == "__main__":
    observability()

"""One scene in a process of its own: a whole line with some cases on it, and parts of the program exchanged.

Its one argument is JSON: `folder`, `redis_url`, `broker_url`, `keys`, `patches`, `cases` by name with the word that
each shows, `acts` by name, `log_format`. It ends with 0 when every case has shown its word. What it writes (standard
output and error, both databases, everything in the folder) is for the test to search.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dramatiq
import structlog

from config.logs import configure_logging
from config.settings import Settings
from producers.client import Client
from producers.contract import REJECTED_STREAM, REQUEST_FIELD, UPLOADS_STREAM
from tests.builders.canary import spellings
from tests.builders.canary_cases import Case, case, shown, submit
from tests.builders.canary_patches import apply
from tests.builders.canary_requests import mistaken_requests
from tests.builders.canary_site import Canarium, Keys, a_canarium
from tests.builders.deadline import wait_until
from tests.builders.line import QUICK
from worker.broker.sorted_set import DELAYED_KEYS
from worker.intake.stream import Intake
from worker.providers.errors import ProviderError
from worker.timekeeper import Timekeeper
from worker.wiring import Plant, assemble

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()

#: The file that tells the test what it cannot know: the tokens of all links, and what reached the wrong server.
TOLD = "told.json"
#: Seconds that each case of a scene gets at most; they all run at once.
SCENE_SECONDS = 40.0


@dataclass(frozen=True)
class Stage:
    """What an act can use."""

    site: Canarium
    plant: Plant
    intake: Intake
    scene: dict[str, Any]


def _configuration_is_printed(stage: Stage) -> None:
    """Somebody who looks for an error prints the settings and the accounts."""
    context = stage.plant.context
    sys.stdout.write(f"{context!r} {context.settings} {[each.account for each in context.accounts.values()]}\n")


def _forms_are_logged(stage: Stage) -> None:
    """A library logs the key in each of its forms, in its words and as fields."""
    for name, text in spellings(stage.site.keys.ipqs).items():
        logging.getLogger("library").warning("%s: %s", name, text)
        log.warning("library_failed", form=name, body=text.encode(), words=[text])


def _logging_fails(stage: Stage) -> None:
    """A library's arguments do not fit its own words."""
    logging.getLogger("library").warning("%d calls", stage.site.keys.ipqs)


def _error_is_printed(stage: Stage) -> None:
    """An application prints the error of an adapter with everything that led to it."""
    for connected in stage.plant.context.accounts.values():
        try:
            connected.provider.credits()
        except ProviderError as error:
            sys.stdout.write("".join(traceback.format_exception(error)))


def _message_is_retried(stage: Stage) -> None:
    """An actor that is retried fails, and its message keeps the traceback until then."""
    broker = stage.plant.broker

    @dramatiq.actor(broker=broker, queue_name="deliver", max_retries=1, min_backoff=60_000)
    def failing() -> None:
        raise LookupError(stage.site.keys.ipqs)

    failing.send()
    wait_until(lambda: bool(broker.client.exists(DELAYED_KEYS[1])), what="a message that waits for its retry")


def _requests_hold_secrets(stage: Stage) -> None:
    """Producers put secrets wherever a request has room for them."""
    for mistake in mistaken_requests(stage.site).values():
        stage.plant.context.store.client.xadd(UPLOADS_STREAM, {REQUEST_FIELD: mistake.text})
        stage.intake.read()


def _requests_are_rejected(stage: Stage) -> None:
    """Each of those has got its answer, and is not in the stream any more."""
    client: Any = stage.plant.context.store.client
    mistakes, told = mistaken_requests(stage.site), client.xrange(REJECTED_STREAM)
    reasons = dict(zip(mistakes, [fields["reason"] for _, fields in told], strict=True))
    wrong = {name: reason for name, reason in reasons.items() if reason != mistakes[name].reason}
    assert not wrong, wrong
    assert client.xlen(UPLOADS_STREAM) == 0


#: What else can happen in a scene.
ACTS: dict[str, Callable[[Stage], None]] = {
    "configuration is printed": _configuration_is_printed,
    "forms are logged": _forms_are_logged,
    "logging fails": _logging_fails,
    "error is printed": _error_is_printed,
    "message is retried": _message_is_retried,
    "requests hold secrets": _requests_hold_secrets,
    "requests are rejected": _requests_are_rejected,
}


def cases_of(scene: dict[str, Any]) -> list[Case]:
    """The cases of the scene, each with the word that it shows in it."""
    return [replace(case(name), shows=word or case(name).shows) for name, word in scene["cases"].items()]


def play(scene: dict[str, Any]) -> None:
    """Play the scene to its end."""
    folder, cases = Path(scene["folder"]), cases_of(scene)
    with a_canarium(folder / "site", Keys(**scene["keys"]), cases) as site:
        home = folder / "home"
        home.mkdir()
        settings = Settings.load(
            {f"BULKVERIFY_{name.upper()}": str(value) for name, value in QUICK.items()}
            | {
                "BULKVERIFY_HOME": str(home),
                "BULKVERIFY_INPUT_ROOTS": str(folder),
                "BULKVERIFY_PULL_HOSTS": site.lists.place,
                "BULKVERIFY_REDIS_URL": scene["redis_url"],
                "BULKVERIFY_BROKER_URL": scene["broker_url"],
                "BULKVERIFY_ACCOUNTS_FILE": str(site.accounts_file),
                "BULKVERIFY_SUBMIT_DEADLINE_SECONDS": "6",
                "BULKVERIFY_RECONCILE_PERIOD_SECONDS": "1",
            }
        )
        plant = assemble(settings)
        intake = Intake(plant.context)
        intake.prepare()
        _run(Stage(site, plant, intake, scene))
        told = {"heard_elsewhere": site.heard_elsewhere(), "tokens": site.tokens()}
        (folder / TOLD).write_text(json.dumps(told))


def _run(stage: Stage) -> None:
    plant, scene = stage.plant, stage.scene
    timekeeper = Timekeeper(plant.context, plant.broker)
    worker = dramatiq.Worker(plant.broker, worker_threads=4, worker_timeout=20)
    worker.start()
    timekeeper.start()
    try:
        store = plant.context.store
        with Client(scene["redis_url"], producer="test") as client:
            for each in cases_of(scene):
                submit(client, stage.site, each, Path(scene["folder"]))
                stage.intake.read()
        for name in scene["acts"]:
            ACTS[name](stage)
        for each in cases_of(scene):
            wait_until(partial(shown, store, stage.site, each), seconds=SCENE_SECONDS, what=each.name)
    finally:
        timekeeper.stop()
        timekeeper.join(10)
        worker.stop(timeout=10_000)
        plant.close()


def main() -> None:
    """Exchange parts, and play."""
    scene = json.loads(sys.argv[1])
    apply(scene["patches"])
    configure_logging(scene["log_format"], "debug")
    play(scene)

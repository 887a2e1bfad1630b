"""The four processes: intake, worker, poller, exporter. Each runs until SIGTERM or SIGINT and ends what it began."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import dramatiq
import structlog

from config.accounts import load_accounts
from config.logs import configure_logging
from worker.actors.declare import POLLER_QUEUES, WORKER_QUEUES
from worker.exporter.server import Exporter
from worker.heartbeat import Heartbeat
from worker.intake.stream import Intake
from worker.retention.housekeeper import Housekeeper
from worker.store.pulse import Pulse, Role
from worker.timekeeper import Timekeeper
from worker.wiring import Plant, assemble, on_a_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from config.settings import Settings

log = structlog.get_logger()

#: Seconds between two looks at the threads of this process.
WATCH_SECONDS = 1.0
#: Most seconds to wait for all threads to have begun, and between two looks.
START_SECONDS = 10.0
START_LOOK_SECONDS = 0.01
#: Seconds in which several signals are one: terminals and supervisors signal more than once.
SAME_STOP_SECONDS = 1.0
#: Exit code of a process that ends because one of its threads has died: the supervisor starts a new one.
THREAD_DEAD_EXIT_CODE = 70


def run_intake(settings: Settings) -> None:
    """Accept requests until told to stop."""
    plant = _assemble(settings)
    intake = Intake(plant.context)
    thread = threading.Thread(target=intake.run, name="intake", daemon=True)
    thread.start()
    _wait("intake", lambda: [thread])
    intake.stop()
    thread.join(settings.shutdown_seconds)
    plant.close()
    log.info("process_stopped", process="intake")


def run_worker(settings: Settings) -> None:
    """Prepare, submit, collect and deliver until told to stop."""
    _work(settings, Role.WORKER, WORKER_QUEUES, settings.worker_threads)


def run_poller(settings: Settings) -> None:
    """Look at remote jobs until told to stop."""
    _work(settings, Role.POLLER, POLLER_QUEUES, settings.poller_threads)


def run_exporter(settings: Settings) -> None:
    """Serve metrics and health until told to stop."""
    configure_logging(settings.log_format, settings.log_level)
    accounts = load_accounts(settings.accounts_file)
    providers = {name: account.provider for name, account in accounts.items()}
    budgets = {name: account.rows_per_day_max for name, account in accounts.items() if account.rows_per_day_max}
    with Exporter(on_a_server(settings), providers, budgets):
        _wait("exporter", list)


def _assemble(settings: Settings) -> Plant:
    configure_logging(settings.log_format, settings.log_level)
    plant = assemble(settings)
    configure_logging(settings.log_format, settings.log_level, on_event=plant.context.metrics.logged)
    return plant


def dramatiq_worker(plant: Plant, settings: Settings, queues: Iterable[str], threads: int) -> dramatiq.Worker:
    """The threads that take messages out of the queues and run them; not started."""
    worker = dramatiq.Worker(
        plant.broker,
        queues={str(queue) for queue in queues},
        worker_threads=threads,
        worker_timeout=int(settings.consumer_wait_seconds * 1000),
    )
    # One message of a queue for each thread, those that run included: all threads can be busy, and what a busy process
    # has fetched is not there for an idle one. More would save round trips, which are nothing beside a provider's call.
    worker.queue_prefetch = threads
    return worker


def _work(settings: Settings, role: Role, queues: Iterable[str], threads: int) -> None:
    plant = _assemble(settings)
    worker = dramatiq_worker(plant, settings, queues, threads)
    pulse = Pulse(plant.context.store, role, plant.context.process)
    heartbeat = Heartbeat(plant.broker, settings.heartbeat_timeout_seconds, pulse)
    timekeeper, housekeeper = Timekeeper(plant.context, plant.broker), Housekeeper(plant.context)
    heartbeat.start()
    worker.start()
    _await_threads(worker)
    timekeeper.start()
    housekeeper.start()
    _wait(str(role), lambda: [heartbeat, timekeeper, housekeeper, *worker.consumers.values(), *worker.workers])
    housekeeper.stop()
    timekeeper.stop()
    worker.stop(timeout=int(settings.shutdown_seconds * 1000))
    # The heart beats until the last step has ended.
    heartbeat.stop()
    for thread in (heartbeat, timekeeper, housekeeper):
        thread.join(settings.shutdown_seconds)
    plant.close()
    log.info("process_stopped", process=str(role))


def _await_threads(worker: dramatiq.Worker) -> None:
    """Wait until every thread runs: one that is told to stop before it has begun would never hear of it."""
    deadline = time.monotonic() + START_SECONDS
    consumers = worker.consumers.values()
    while not (all(consumer.running for consumer in consumers) and all(thread.running for thread in worker.workers)):
        if time.monotonic() > deadline:
            log.warning("threads_start_slowly", seconds=START_SECONDS)
            return
        time.sleep(START_LOOK_SECONDS)


def _wait(name: str, threads: Callable[[], list[threading.Thread]]) -> None:
    """Wait for SIGTERM or SIGINT; a process that has lost a thread ends at once, because only a new one cures that."""
    stopping = threading.Event()

    asked_again_seconds = math.inf

    def stop(_signal: int, _frame: object) -> None:
        nonlocal asked_again_seconds
        if time.monotonic() > asked_again_seconds:
            os._exit(128 + signal.SIGTERM)
        asked_again_seconds = min(asked_again_seconds, time.monotonic() + SAME_STOP_SECONDS)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("process_started", process=name, pid=os.getpid())
    while not stopping.wait(WATCH_SECONDS):
        dead = [thread.name for thread in threads() if not thread.is_alive()]
        if dead:
            log.critical("thread_died", process=name, threads=dead, remedy="the supervisor starts this process again")
            os._exit(THREAD_DEAD_EXIT_CODE)
    log.info("process_stopping", process=name)

"""``earnest worker``: the process that does the regular rounds."""

from __future__ import annotations

import click

from app import health
from app.delivering import Deliverer
from app.health import Pulse, Vitals
from app.leading import Leader, clock_lease
from app.worker import SWEEP_EVERY, make_worker, rounds, run_worker
from cli.health_door import health_door
from cli.local.valkey import start_valkey
from cli.serving import begin

_MISSED_SWEEPS = 12


@click.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Do the regular rounds (due forfeits, expiries, retention) and deliver webhooks.

    On an embedded Valkey unless a broker is set. Of several on one broker each does what comes up; one of them at a
    time calls the rounds.
    """
    container = begin(context, "worker")
    _ = container.fetcher  # settings of it that are wrong are said at once
    url = container.settings.broker_url
    embedded = None
    if url is None:
        embedded = start_valkey(container.settings.data / "valkey")
        url = embedded.url
    try:
        pulse = Pulse(longest=_MISSED_SWEEPS * SWEEP_EVERY.total_seconds(), what="The worker")
        application = make_worker(container, url, beat=pulse.beat)
        schedule = container.settings.data / "celery-beat"
        leader = Leader(clock_lease(container), "clock")
        looks = {
            "database": health.database(container),
            "broker": health.broker(url),
            "rounds": rounds(container, pulse),
        }
        vitals = Vitals(looks, role=leader.role)
        deliverer = Deliverer(container)
        with health_door(vitals, container.settings.health_host, container.settings.worker_health_port):
            deliverer.start()
            try:
                run_worker(application, schedule, leader)
            finally:
                deliverer.stop()
    finally:
        if embedded is not None:
            embedded.stop()

"""The worker: Celery tasks as three-line doors; each is a wake-up for work that a sweep would find anyway."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService

from app import books, buying, digests, earning, epochs, forwarding, lists, proposing, selling, totals
from app.aside import Aside
from app.container import Container
from app.forgetting import prune_all
from app.health import Check, Look, Pulse
from app.leading import Leader
from app.shopkeeping import Shopkeeper
from kit.changes import counters, touch
from kit.leases import Reign

SWEEP_EVERY = timedelta(seconds=5)
"""How often stakes are looked through for what is due."""
RECONCILE_EVERY = timedelta(seconds=15)
"""How often the books are held against the chain, where a newer block is final."""
DIGEST_EVERY = timedelta(seconds=30)
"""How often digests are looked for that are due."""
HANDED_EVERY = timedelta(seconds=5)
"""How often payments with another facilitator are looked at."""
LISTS_EVERY = timedelta(minutes=5)
"""How often it is looked whether a list of others is to be read again."""
LOOKS_EVERY = timedelta(minutes=5)
"""How often it is looked which servers that earn are to be looked at; each of them once an hour."""
FORWARD_EVERY = timedelta(minutes=1)
"""How often it is looked whether reports of servers that earn are to go on."""
TOTALS_EVERY = timedelta(minutes=15)
"""How often it is looked whether a day is over of which something is to be said in public."""
EPOCHS_EVERY = timedelta(minutes=15)
"""How often it is looked whether an epoch of rewards is over."""
PROPOSALS_EVERY = timedelta(minutes=15)
"""How often it is looked whether a root is to be proposed."""
SHOP_EVERY = timedelta(minutes=1)
"""How often it is looked whether rules of what is sold, or lists that they ask, have changed."""
PRUNE_EVERY = timedelta(hours=1)
"""How often what is past its retention time is taken away."""
_EVERY = {
    "sweep": SWEEP_EVERY,
    "reconcile": RECONCILE_EVERY,
    "digest": DIGEST_EVERY,
    "handed": HANDED_EVERY,
    "lists": LISTS_EVERY,
    "looks": LOOKS_EVERY,
    "forward": FORWARD_EVERY,
    "totals": TOTALS_EVERY,
    "epochs": EPOCHS_EVERY,
    "proposals": PROPOSALS_EVERY,
    "shop": SHOP_EVERY,
    "prune": PRUNE_EVERY,
}
ROUNDS = "rounds"
"""The change topic that counts sweeps, whichever worker did them."""
_MOST_FOLDED = 1_000
"""Transactions of one sweep in which supporters are folded anew."""
_LOOK_SECONDS = 1.0


def make_worker(container: Container, broker_url: str, *, beat: Callable[[], None] = lambda: None) -> Celery:
    """Return the Celery application with its tasks and schedule on ``broker_url``; ``beat`` is called by each sweep."""
    application = Celery("earnest", broker=broker_url)
    application.conf.update(
        task_ignore_result=True,
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a broker may be away for a night
        task_acks_late=True,
        beat_schedule=_schedule(),
    )

    @application.task(name="earnest.sweep", shared=False)  # type: ignore[untyped-decorator]
    def sweep() -> None:
        with container.work() as work:
            work.stakes.sweep()
            touch(work.session, ROUNDS)
        with container.work() as work:  # on its own: what is told of floods keeps no stake from going back
            work.notices.tell_floods()
        for _ in range(_MOST_FOLDED):  # what was broken off, or was left by a whole listing or another document
            with container.work() as work:
                if not work.supporters.fold_some():
                    break
        beat()

    @application.task(name="earnest.reconcile", shared=False)  # type: ignore[untyped-decorator]
    def reconcile() -> None:
        books.regular(container)

    @application.task(name="earnest.digest", shared=False)  # type: ignore[untyped-decorator]
    def digest() -> None:
        digests.regular(container.read, container.work)

    aside = partial(_done_aside, application)
    aside("handed", partial(buying.follow_handed, container))  # another facilitator may take its time
    aside("lists", partial(lists.regular, container))  # a service may take minutes to show its list
    aside("looks", partial(earning.look_around, container))
    aside("forward", partial(forwarding.regular, container))
    aside("totals", partial(totals.keep, container))
    aside("epochs", partial(epochs.regular, container))
    aside("proposals", partial(proposing.regular, container))
    aside("shop", Shopkeeper(container).regular)

    @application.task(name="earnest.prune", shared=False)  # type: ignore[untyped-decorator]
    def prune() -> None:
        prune_all(container.work, events_kept=timedelta(days=container.settings.events_kept_days))
        selling.sweep(container)

    return application


def _done_aside(application: Celery, name: str, do: Callable[[], object]) -> None:
    """Have a task begin what takes long, and not wait for it."""
    application.task(name=f"earnest.{name}", shared=False)(Aside(name, do).begin)


def _schedule() -> dict[str, dict[str, Any]]:
    """Return when each task is called; one that waited for longer than until the next call is dropped."""
    return {
        name: {"task": f"earnest.{name}", "schedule": every, "options": {"expires": every.seconds}}
        for name, every in _EVERY.items()
    }


def rounds(container: Container, pulse: Pulse) -> Look:
    """Return a look at whether the rounds go on, ours or another worker's: of many, one does only now and then one."""
    seen: list[int] = []

    def look() -> Check:
        with container.read() as work:
            counter = counters(work.session).get(ROUNDS, 0)
        if seen and seen[-1] != counter:
            pulse.beat()
        seen[:] = [counter]
        return pulse.look()

    return look


def run_worker(application: Celery, schedule: Path, leader: Leader) -> None:
    """Do the tasks until the process is asked to stop; whoever leads also calls the rounds at their times.

    ``schedule`` is a file.
    """
    stop = threading.Event()

    def call(reign: Reign) -> None:
        # A thread: as the process that Celery would make of it, it could be killed alone, and nobody would notice.
        clock = EmbeddedService(application, thread=True, schedule_filename=str(schedule))
        clock.start()
        while clock.is_alive() and not reign.over.wait(_LOOK_SECONDS):
            continue
        clock.stop()

    calling = threading.Thread(target=leader.run, args=(stop, call), name="clock")
    calling.start()
    try:
        application.Worker(pool="solo", loglevel="WARNING").start()
    finally:
        stop.set()
        calling.join()

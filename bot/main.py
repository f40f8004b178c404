"""The bot's process: listens and delivers until it is told to stop, and waits for a homeserver that is away."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from app import gateway
from app.container import Container
from app.selling import blobs, charged
from bot.admitting import Admitting
from bot.applying import Applying
from bot.courier import Courier
from bot.crossing import Crossing
from bot.desk.desk import Desk, look_after
from bot.entering import Entering
from bot.handing import Handing
from bot.homeserver import Homeserver, SlowDown
from bot.kept import alone
from bot.listener import Listener
from bot.mirroring import Mirroring
from bot.nio_homeserver import NioHomeserver
from bot.offering import Offering
from bot.overseeing import Overseeing
from bot.policy_rooms import PolicyRooms
from bot.readers import service_of
from bot.rehearsal import Rehearsal
from bot.stocking import Stock, Stocking
from bot.supporting import Supporting
from bot.tip_news import TipNews
from bot.tipping import Tipping
from bot.views import Views
from bot.warden import Warden
from bot.watcher import Watcher
from kit.errors import Invalid
from kit.identifiers import UserId

LOG = structlog.get_logger(__name__)

FOLDER = "bot"
"""Where its keys are, in the data folder."""
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.2


def run(
    container: Container,
    *,
    stop: threading.Event | None = None,
    rehearse: bool = False,
    beat: Callable[[], None] = lambda: None,
) -> None:
    """Run the bot until ``stop`` is set, or until SIGINT or SIGTERM; both ends are clean.

    ``beat`` is called by each round of the courier. ``rehearse`` changes nothing at all: it logs what would be brought
    to people now, and ends. Raises ``Invalid`` where the settings do not say who the bot is.
    """
    if rehearse:
        asyncio.run(_rehearse(container))
        return
    with alone(container.settings.data / FOLDER, stop) as ours:
        if ours:
            asyncio.run(_run(container, stop, beat))


def homeserver_of(container: Container) -> Homeserver:
    """Return the homeserver that the settings name, used as the bot. Raises ``Invalid``."""
    settings = container.settings
    return NioHomeserver(
        settings.homeserver_url,
        _bot_id(container),
        folder=settings.data / FOLDER,
        password=settings.password_of_bot(),
        clock=container.clock,
        admin_token=settings.admin_token(),
    )


def _bot_id(container: Container) -> UserId:
    if container.bot_id is None:
        raise Invalid("bot_unknown", "Nothing says who the bot is: set EARNEST_BOT_USER_ID.")
    return container.bot_id


async def _rehearse(container: Container) -> None:
    rehearsal = Rehearsal(_bot_id(container), lambda line: LOG.info("rehearsal", would=line))
    cross = Crossing(_Undone(container))
    await Courier(rehearsal, cross, service_of(container), time=time.monotonic, rooms=Entering()).deliver()


class _Undone:
    """The container, with every transaction rolled back."""

    def __init__(self, container: Container) -> None:
        """Open transactions of ``container``."""
        self.work = container.read
        self.read = container.read


async def _run(container: Container, stop: threading.Event | None, beat: Callable[[], None]) -> None:
    homeserver = homeserver_of(container)
    stopping = asyncio.Event()
    watching = asyncio.create_task(_watch(stop, stopping))
    try:
        await serve(container, homeserver, stopping, beat=beat)
    finally:
        watching.cancel()


async def serve(
    container: Container, homeserver: Homeserver, stop: asyncio.Event, *, beat: Callable[[], None] = lambda: None
) -> None:
    """Listen and deliver until ``stop``, then let go of ``homeserver``."""
    cross, service, rooms = Crossing(container), service_of(container), Entering()
    views = Views(homeserver, time=time.monotonic, clock=container.clock)
    applying = Applying(homeserver, cross, container, service, views)
    warden = Warden(homeserver, cross, container, applying=applying, views=views)
    desk = Desk(homeserver, cross, container, service, warden=warden, views=views, time=time.monotonic, rooms=rooms)
    watcher = Watcher(homeserver, cross, service, time=time.monotonic, most=container.settings.watched_rooms)
    policies = PolicyRooms(homeserver, cross, time=time.monotonic)
    supporting = Supporting(homeserver, cross, time=time.monotonic, rooms=rooms)
    admitting = Admitting(homeserver, cross, time=time.monotonic)
    offering = Offering(homeserver, cross, service, warden=warden, time=time.monotonic)
    tipping = Tipping(homeserver, cross, warden=warden, time=time.monotonic)
    listener = Listener(
        homeserver,
        cross,
        service,
        time=time.monotonic,
        rooms=rooms,
        watcher=watcher,
        desk=desk,
        others=(policies, supporting, admitting, offering, tipping),
    )
    courier = Courier(homeserver, cross, service, time=time.monotonic, rooms=rooms)
    handing = Handing(homeserver, cross, service, time=time.monotonic, courier=courier, blobs=blobs(container))
    news = TipNews(homeserver, cross, service, time=time.monotonic, courier=courier, warden=warden)
    overseeing = Overseeing(homeserver, cross, service, time=time.monotonic, courier=courier)
    stock = Stock(blobs(container), partial(charged, container), partial(gateway.prove, container))
    stocking = Stocking(homeserver, cross, service, time=time.monotonic, stock=stock)
    LOG.info("bot_starts", user=homeserver.me)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen_for_ever(homeserver, listener, stop))
            tasks.create_task(courier.run(stop, beat=beat))
            tasks.create_task(handing.run(stop))
            tasks.create_task(news.run(stop))
            tasks.create_task(stocking.run(stop))
            tasks.create_task(overseeing.run(stop))
            tasks.create_task(watcher.run(stop))
            tasks.create_task(look_after(desk, stop))
            tasks.create_task(desk.lanes.run(stop))
            tasks.create_task(Mirroring(homeserver, cross).run(stop))
            tasks.create_task(policies.run(stop))
            tasks.create_task(supporting.run(stop))
            tasks.create_task(admitting.run(stop))
    except* Invalid as group:
        raise group.exceptions[0] from None  # what a setting lacks is told plainly
    finally:
        await homeserver.close()
        LOG.info("bot_stopped")


async def listen_for_ever(homeserver: Homeserver, listener: Listener, stop: asyncio.Event) -> None:
    """Listen until ``stop``; whatever ends the listening is logged, waited out, and it begins again where it was.

    ``Invalid`` comes out: settings do not mend themselves.
    """
    wait = _FIRST_WAIT_SECONDS
    while not stop.is_set():
        began = time.monotonic()
        try:
            await homeserver.listen(listener.hear, stop)
        except Invalid:
            raise
        except Exception as error:  # noqa: BLE001 - the bot outlives its homeserver
            if time.monotonic() - began > _LONGEST_WAIT_SECONDS:
                wait = _FIRST_WAIT_SECONDS
            pause = max(wait, error.seconds) if isinstance(error, SlowDown) else wait
            LOG.warning("listening_waits", reason=type(error).__name__, detail=str(error), seconds=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


async def _watch(stop: threading.Event | None, stopping: asyncio.Event) -> None:
    """Set ``stopping`` once ``stop`` is set or, where we own the process, a signal asks for it."""
    if stop is None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        return
    while not await asyncio.to_thread(stop.wait, _LOOK_SECONDS):
        continue
    stopping.set()

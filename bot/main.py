"""The bot's process: listens and delivers until it is told to stop, and waits for a homeserver that is away."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time

import structlog

from app.container import Container
from bot.courier import Courier
from bot.crossing import Crossing
from bot.homeserver import Homeserver
from bot.listener import Listener
from bot.nio_homeserver import NioHomeserver
from bot.readers import service_of
from bot.rehearsal import Rehearsal
from kit.errors import Invalid

LOG = structlog.get_logger(__name__)

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.2


def run(container: Container, *, stop: threading.Event | None = None, rehearse: bool = False) -> None:
    """Run the bot until ``stop`` is set, or until SIGINT or SIGTERM; both ends are clean.

    ``rehearse`` does nothing to the homeserver and logs what would be done. Raises ``Invalid`` where the settings do
    not say who the bot is.
    """
    asyncio.run(_run(container, stop, homeserver_of(container, rehearse=rehearse)))


def homeserver_of(container: Container, *, rehearse: bool = False) -> Homeserver:
    """Return the homeserver that the settings name, used as the bot. Raises ``Invalid``."""
    user, settings = container.bot_id, container.settings
    if user is None:
        raise Invalid("bot_unknown", "Nothing says who the bot is: set EARNEST_BOT_USER_ID.")
    if rehearse:
        return Rehearsal(user, lambda line: LOG.info("rehearsal", would=line))
    return NioHomeserver(
        settings.homeserver_url,
        user,
        folder=settings.data / "bot",
        password=settings.password_of_bot(),
        clock=container.clock,
    )


async def _run(container: Container, stop: threading.Event | None, homeserver: Homeserver) -> None:
    stopping = asyncio.Event()
    watching = asyncio.create_task(_watch(stop, stopping))
    try:
        await serve(container, homeserver, stopping)
    finally:
        watching.cancel()


async def serve(container: Container, homeserver: Homeserver, stop: asyncio.Event) -> None:
    """Listen and deliver until ``stop``, then let go of ``homeserver``."""
    cross, service, rooms = Crossing(container), service_of(container), asyncio.Lock()
    listener = Listener(homeserver, cross, service, time=time.monotonic, rooms=rooms)
    courier = Courier(homeserver, cross, service, time=time.monotonic, rooms=rooms)
    LOG.info("bot_starts", user=homeserver.me)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen_for_ever(homeserver, listener, stop))
            tasks.create_task(courier.run(stop))
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
            LOG.warning("listening_waits", reason=type(error).__name__, detail=str(error), seconds=wait)
            if time.monotonic() - began > _LONGEST_WAIT_SECONDS:
                wait = _FIRST_WAIT_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
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

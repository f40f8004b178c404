"""``earnest up``: the service's own processes in the foreground, as many of each as are asked for, looked after."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import structlog

from app.logs import set_up
from app.settings import Settings
from cli.context import container_of, told
from cli.local import valkey
from cli.local.ports import free_port
from cli.local.processes import Program, ProgramFailedError, Supervisor
from cli.local.stopping import StopRequest
from cli.local.world import BOT_SERVICE, SERVICES, earnest_program
from cli.migrations import newest, revision_of
from kit.errors import Conflict

LOG = structlog.get_logger(__name__)

ROLES: Final = (*SERVICES, BOT_SERVICE)
_MOST: Final = 64
_LOOK_EVERY: Final = 0.25
_NEXT_PORT: Final = 10
"""How far apart the doors are on which processes of one role say how they are."""


class _Role(click.ParamType[tuple[str, int]]):
    """A role, or a role and how many: ``api`` or ``api=4``."""

    name = "role[=count]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Read it."""
        role, _, count = str(value).partition("=")
        many = int(count) if count.isdecimal() else 0 if count else 1
        if role not in ROLES or not 1 <= many <= _MOST:
            self.fail(f"{value!r} is none of {', '.join(ROLES)}, or no count up to {_MOST} follows it", param, ctx)
        return role, many


@click.command()
@click.option("--role", "roles", type=_Role(), multiple=True, help="A part to run, api=4 for four; may come again.")
@click.pass_context
@told
def up(context: click.Context, roles: tuple[tuple[str, int], ...]) -> None:
    """Run the service's processes until SIGTERM or Ctrl-C: one of each, or those that --role names.

    What falls is started again; logs go to standard error as JSON lines. Of api and worker any number may run, here and
    on other machines; of chain and bot one does the work and the others stand by.
    """
    settings = container_of(context).settings
    wanted: Counter[str] = Counter()
    for role, count in roles or tuple((role, 1) for role in ROLES):
        wanted[role] += count
    set_up(process="up", level=settings.log_level)
    _check_schema(settings.database())
    file: Path | None = context.find_root().params.get("settings_file")
    with StopRequest() as stop:
        try:
            with Supervisor(say=lambda what: LOG.warning("process_fell", what=what), heed=stop.heed) as supervisor:
                broker = None
                if wanted["worker"] and settings.broker_url is None:
                    broker = _embedded_broker(supervisor, settings)
                for program in programs(wanted, settings, file=file, broker=broker):
                    supervisor.start(program)
                LOG.info("up", processes=dict(wanted), embedded_broker=broker is not None)
                while not stop.asked:
                    supervisor.check()
                    time.sleep(_LOOK_EVERY)
                LOG.info("stopping")
        except KeyboardInterrupt:
            pass
        except ProgramFailedError as error:
            raise click.ClickException(str(error)) from error


def programs(wanted: Counter[str], settings: Settings, *, file: Path | None, broker: str | None) -> Iterator[Program]:
    """Give the programs of the wanted roles: each is ``earnest ROLE``, and each has a port to say how it is."""
    doors = {
        "bot": ("EARNEST_BOT_HEALTH_PORT", settings.bot_health_port),
        "chain": ("EARNEST_CHAIN_HEALTH_PORT", settings.chain_health_port),
        "worker": ("EARNEST_WORKER_HEALTH_PORT", settings.worker_health_port),
    }
    for role in (one for one in ROLES if wanted[one]):
        many = wanted[role]
        for number in range(many):
            words = [str(earnest_program())]
            words += ["--settings", str(file.resolve())] if file is not None else []
            words += [role, "--share-port"] if role == "api" and many > 1 else [role]
            environment = {} if broker is None else {"EARNEST_BROKER_URL": broker}
            name, port = doors.get(role, ("", 0))
            if port:
                environment[name] = str(port + number * _NEXT_PORT)
            title = role if many == 1 else f"{role}-{number + 1}"
            yield Program(title, tuple(words), Path.cwd(), None, environment, inherits=True)


def _embedded_broker(supervisor: Supervisor, settings: Settings) -> str:
    folder = settings.data.resolve() / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    supervisor.start(valkey.valkey(port, folder=folder, log=folder / "valkey.log"))
    supervisor.wait_ready("valkey")
    return valkey.url(port)


def _check_schema(url: str) -> None:
    here, wanted = revision_of(url), newest(url)
    if here != wanted:
        raise Conflict(
            "schema_old", f"The schema is at {here or 'nothing'}, and {wanted} is wanted: `earnest migrate`."
        )

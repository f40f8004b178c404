"""``earnest demo``: play the stories on the real components, and believe nothing that was not observed."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app import logs
from cli.context import told
from cli.demo import proof
from cli.demo.stage import Stage, UntrueError
from cli.demo.stories import STORIES, Step
from cli.local.plan import PASSING, new_plan, write_plan
from cli.local.processes import ProgramFailedError
from cli.local.stopping import StopRequest
from cli.local.world import World
from kit.errors import EarnestError


@click.command()
@click.argument("story", required=False, type=click.Choice(sorted(STORIES)))
@click.option("--keep", is_flag=True, help="Keep the world's folder, with all logs, and say where it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of lines.")
@told
def demo(story: str | None, *, keep: bool, as_json: bool) -> None:
    """Play STORY (all, unless said), each in a world of its own on free ports; exit 0 only if everything came true."""
    folder = Path(tempfile.mkdtemp(prefix="earnest-demo-"))
    show = _silent if as_json else click.echo
    began, played, fault = time.monotonic(), _Played(), None
    with StopRequest() as stop:
        try:
            play(folder, [story] if story else sorted(STORIES), stop, show=show, played=played)
        except KeyboardInterrupt:
            fault = "stopped by hand"
        except (EarnestError, ProgramFailedError) as error:
            fault = str(error)
    good = fault is None
    if keep or not good:
        show(f"\nThe world's folder, with the logs of every process: {folder}")
    else:
        shutil.rmtree(folder)
    if as_json:
        kept = str(folder) if folder.exists() else None
        click.echo(json.dumps({"came_true": good, "fault": fault, "steps": played.steps, "folder": kept}))
    elif good:
        show(
            click.style(f"\nAll {len(played.steps)} steps came true, in {time.monotonic() - began:.0f} s.", fg="green")
        )
    else:
        show(click.style(f"\nNot true: {fault}", fg="red"))
    if not good:
        raise SystemExit(1)


class _Played:
    """What was played, for whoever reads it as JSON."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []


def play(folder: Path, names: list[str], stop: StopRequest, *, show: Callable[[str], None], played: _Played) -> None:
    """Play the stories one after the other, each in a world of its own: what one does is never in another's way.

    Raises ``UntrueError`` at the first step that does not come true, ``ProgramFailedError`` where a world breaks,
    ``KeyboardInterrupt`` where somebody asked to stop.
    """
    logs.to_the_side(least="WARNING")
    for name in names:
        place = folder if len(names) == 1 else folder / name
        place.mkdir(mode=0o700, exist_ok=True)
        _play(place, name, stop, show=show, played=played)


def _play(folder: Path, name: str, stop: StopRequest, *, show: Callable[[str], None], played: _Played) -> None:
    plan = new_plan(folder, pace=PASSING, wanted={}, federated=True)
    write_plan(plan)
    show("Making a world of its own: two homeservers, chain, broker, api, bot, chain loop, worker")
    began = time.monotonic()
    with World(plan, say=lambda step: show(f"    {step}"), heed=stop.heed) as world:
        world.start()
        show(f"    up after {time.monotonic() - began:.0f} s")
        title, steps = STORIES[name]
        show(f"\n{click.style(title, bold=True)}")
        asyncio.run(_tell(world, folder, steps, stop, show=show, played=played))


async def _tell(
    world: World,
    folder: Path,
    steps: tuple[Step, ...],
    stop: StopRequest,
    *,
    show: Callable[[str], None],
    played: _Played,
) -> None:
    stage = Stage(world, folder, stop.heed, show)
    try:
        for number, step in enumerate(steps, 1):
            title = (step.__doc__ or "").partition("\n")[0]
            show(f"\n{click.style(f'{number}. {title}', bold=True)}")
            stage.observed.clear()
            began = time.monotonic()
            await step(stage)
            await proof.tell(stage)
            played.steps.append(
                {"title": title, "seconds": round(time.monotonic() - began, 1), "observed": list(stage.observed)}
            )
    except UntrueError as error:
        show(f"    {click.style('✗', fg='red')} {error}")
        raise
    finally:
        await stage.everybody_goes()


def _silent(_: str) -> None:
    """Say nothing."""

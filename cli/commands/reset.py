"""``earnest reset``: clear the local world, and nothing that it did not make."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from cli.context import container_of, told
from cli.local.plan import LOCK, OWN_FILES, OWN_FOLDERS, foreign, has_plan, held
from kit.errors import NotFound


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask before clearing.")
@click.pass_context
@told
def reset(context: click.Context, *, yes: bool) -> None:
    """Clear the local world: its accounts, chain, keys and books. A service in production is never touched."""
    folder = container_of(context).settings.data.resolve()
    if not has_plan(folder):
        if foreign(folder):
            raise NotFound("no_world", f"{folder} holds no local world, and what it holds is left alone.")
        click.echo(f"{folder} holds no local world: there is nothing to clear.")
        return
    with held(folder):
        if not yes:
            click.confirm(f"Clear the local world in {folder}, with its accounts, chain, keys and books?", abort=True)
        clear(folder)
    left = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    click.echo(
        f"The world in {folder} is cleared." + (f" Not of the world, and kept: {', '.join(left)}." if left else "")
    )


def clear(folder: Path) -> None:
    """Take away what a world made in ``folder``; its plan goes last, so that what was begun can be done again."""
    for name in OWN_FOLDERS:
        if (folder / name).is_symlink():
            (folder / name).unlink()
        elif (folder / name).exists():
            shutil.rmtree(folder / name)
    for name in OWN_FILES:
        for file in folder.glob(name):
            file.unlink()

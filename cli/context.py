"""What every command shares: the container made from the settings, and errors told as one clear line."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from app.container import Container
from app.settings import load
from kit.errors import Refusal, Unavailable

P = ParamSpec("P")
R = TypeVar("R")


def container_of(context: click.Context) -> Container:
    """Return the container of this call, made at its first use."""
    root = context.find_root()
    made = root.meta.get("earnest.container")
    if not isinstance(made, Container):
        file: Path | None = root.params.get("settings_file")
        made = Container(load(file))
        root.meta["earnest.container"] = made
        root.call_on_close(made.close)
    return made


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn refusals and silences of the world into one line on standard error and exit status 1."""

    @wraps(command)
    def _tell(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Refusal as error:
            raise click.ClickException(error.message) from error
        except Unavailable as error:
            message = f"{error} (`earnest doctor` tells more)"
            raise click.ClickException(message) from error

    return _tell


def disk_told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a disk refuses (no room, no right) into one line, too: for commands whose work is to write files."""

    @wraps(command)
    def _tell(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OSError as error:
            message = f"{error.filename or 'The disk'}: {error.strerror or error}"
            raise click.ClickException(message) from error

    return _tell

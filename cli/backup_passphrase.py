"""What seals a backup: a passphrase from a file, or asked for at a terminal, and never one on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kit.errors import Invalid

F = TypeVar("F", bound=Callable[..., Any])


def passphrase_options(command: F) -> F:
    """Give a command ``--passphrase-file`` and ``--unencrypted``."""
    plain = click.option("--unencrypted", is_flag=True, help="Without a passphrase; only for where nobody else reads.")
    file = click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="File that holds the passphrase; it is asked for otherwise.",
    )
    return file(plain(command))


def read_passphrase(file: Path | None, *, twice: bool) -> str:
    """Return the passphrase. Raises ``Invalid`` where there is none."""
    if file is not None:
        found = file.read_text(encoding="utf-8").strip()
    elif sys.stdin.isatty():
        found = click.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=twice, err=True)
    else:
        raise Invalid("passphrase_missing", "Name a file with the backup's passphrase: --passphrase-file FILE.")
    if not found:
        raise Invalid("passphrase_missing", "The passphrase is empty.")
    return found

"""``earnest leave``: being built."""

from __future__ import annotations

import click


@click.command()
def leave() -> None:
    """Being built."""

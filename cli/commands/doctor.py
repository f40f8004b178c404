"""``earnest doctor``: being built."""

from __future__ import annotations

import click


@click.command()
def doctor() -> None:
    """Being built."""

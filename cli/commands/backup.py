"""``earnest backup``: everything that cannot be made again in one sealed file, while the service runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import Progress

from app.backups import sealing
from app.backups.making import back_up
from app.settings import Settings
from cli.backup_passphrase import passphrase_options, read_passphrase
from cli.context import container_of, disk_told, told
from cli.migrations import newest, revision_of
from kit.disk import sync
from kit.errors import Conflict


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@passphrase_options
@click.option("--replace", is_flag=True, help="Take the place of a file that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
@disk_told
def backup(
    context: click.Context,
    file: Path,
    passphrase_file: Path | None,
    *,
    unencrypted: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Write database, keys, the bot's device and settings to FILE; the service may run meanwhile.

    FILE is encrypted by a passphrase, in the form of age; docs/operating.md says how age and tar alone open it.
    `earnest restore FILE` puts all of it back, on SQLite or PostgreSQL alike.
    """
    container = container_of(context)
    if file.exists() and not replace:
        raise Conflict("backup_exists", f"{file} is there already; --replace takes its place.")
    url = container.settings.database()
    schema, wanted = revision_of(url), newest(url)
    if schema != wanted:
        raise Conflict(
            "schema_not_newest",
            f"The database is at schema {schema or 'nothing'}, and this release's is {wanted}: run `earnest migrate`, "
            "or make the backup with the release that runs.",
        )
    passphrase = None if unencrypted else read_passphrase(passphrase_file, twice=True)
    draft = file.with_name(f".{file.name}.draft")
    with (
        Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress,
        _draft(file, draft) as raw,
        sealing.sealed(raw, passphrase) as stream,
    ):
        task = progress.add_task("reading the database", total=None)
        made = back_up(
            container,
            stream,
            schema=wanted,
            without=frozenset({file.resolve(), draft.resolve()}),
            told=lambda done, of: progress.update(task, completed=done, total=of),
        )
    outside = _outside(container.settings)
    size = file.stat().st_size
    if as_json:
        facts = {name: value for name, value in made.facts.items() if name != "tables"}
        shown = {"file": str(file), "bytes": size, "encrypted": passphrase is not None, "files": made.files}
        click.echo(json.dumps({**shown, "rows": made.rows, **facts, "not_included": [str(path) for path in outside]}))
        return
    click.echo(f"{file}: {made.rows} rows and {made.files} files, {size:,} bytes, schema {wanted}.")
    if passphrase is None:
        click.echo("It is NOT encrypted: whoever reads it has the bot's keys. Keep it as you would keep those.")
    for path in outside:
        click.echo(f"Not in it, for it lies outside the data folder; keep it yourself: {path}")


@contextmanager
def _draft(file: Path, draft: Path) -> Iterator[IO[bytes]]:
    """Give a file to write, for its owner's eyes only, that takes its name once all of it is on the disk."""
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        draft.replace(file)
        sync(file.parent)
    finally:
        draft.unlink(missing_ok=True)


def _outside(settings: Settings) -> list[Path]:
    """Return the files that the settings name and that the data folder does not hold."""
    named = (
        *(settings.deployment, settings.keystore_password_file, settings.bot_password_file),
        settings.patreon_webhook_secret_file,
    )
    inside = settings.data.resolve()
    return [path for path in named if path is not None and not path.resolve().is_relative_to(inside)]

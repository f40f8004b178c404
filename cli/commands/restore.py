"""``earnest restore``: puts a backup's service in place, after all of the backup was found sound."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from app.backups import archive, restoring, sealing
from app.backups.archive import Manifest
from app.backups.restoring import Plan
from app.container import Container
from app.leading import every_lease
from bot.kept import alone
from bot.main import FOLDER
from cli.backup_passphrase import passphrase_options, read_passphrase
from cli.context import container_of, disk_told, told
from cli.migrations import knows, upgrade_within
from kit.errors import Conflict, Unavailable
from kit.leases import LASTS, Lease, Reign

_LOOK_SECONDS = 0.5


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@passphrase_options
@click.option("--dry-run", is_flag=True, help="Check the backup and say what would be done; change nothing.")
@click.option("--replace", is_flag=True, help="Take the place of a service that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
@disk_told
def restore(
    context: click.Context,
    file: Path,
    passphrase_file: Path | None,
    *,
    unencrypted: bool,
    dry_run: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Put what FILE holds into the data folder and the database that the settings name (EARNEST_DATA, …DATABASE_URL).

    Every part is checked before anything is touched. A backup of SQLite may go to PostgreSQL and the other way round;
    one of an older release is brought to today's schema.
    """
    container = container_of(context)
    settings = container.settings
    if sealing.is_sealed(file) == unencrypted:
        raise Conflict("backup_not_as_said", f"{file} is {'' if unencrypted else 'not '}encrypted: see --unencrypted.")
    passphrase = None if unencrypted else read_passphrase(passphrase_file, twice=False)
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        task = progress.add_task("checking every part", total=None)
        key = None if passphrase is None else sealing.key_of(file, passphrase)
        with sealing.opened(file, key) as stream:
            manifest = archive.verify(stream, told=lambda size: progress.advance(task, size))
        _check(manifest, container)
        plan = restoring.plan(manifest, settings.data.resolve(), settings.database())
        with sealing.opened(file, key) as stream:
            restoring.check(manifest, archive.again(stream, manifest))
        if dry_run:
            _tell(manifest, plan, done=False, as_json=as_json)
            return
        if plan.replaced and not replace:
            raise Conflict(
                "not_empty",
                f"There is a service already, which would be lost: {', '.join(plan.replaced[:5])}"
                + (" …" if len(plan.replaced) > 5 else "")  # noqa: PLR2004 - as many as above
                + ". Name another place by EARNEST_DATA and EARNEST_DATABASE_URL, or say --replace.",
            )
        with _nobody_runs(container, plan):
            task = progress.add_task("writing the database", total=None)
            with sealing.opened(file, key) as stream:
                restoring.restore(
                    manifest,
                    archive.again(stream, manifest),
                    plan,
                    migrate=upgrade_within,
                    now=container.clock(),
                    told=lambda done, of: progress.update(task, completed=done, total=of),
                )
    _tell(manifest, plan, done=True, as_json=as_json)


def _check(manifest: Manifest, container: Container) -> None:
    """Refuse what this release, or this place, cannot take."""
    schema, chain = str(manifest.facts.get("schema")), manifest.facts.get("chain_id")
    if not knows(container.settings.database(), schema):
        raise Conflict(
            "backup_newer",
            f"The backup has schema {schema[:40]!r}, which this release does not know: restore it with the release "
            f"that made it ({str(manifest.facts.get('release'))[:40]}), or with a newer one.",
        )
    if chain != container.settings.chain_id:
        raise Conflict(
            "backup_of_other_chain",
            f"The backup is of chain {chain!r}, and EARNEST_CHAIN_ID is {container.settings.chain_id}: set it, for the "
            "books of one chain say nothing of another.",
        )


@contextmanager
def _nobody_runs(container: Container, plan: Plan) -> Iterator[None]:
    """Hold for the block what only one process at a time may hold. Raises ``Conflict`` where a process works.

    It would go on with what is taken away from under it. What holds nothing is seen by the database (``app/backups``).
    """
    reigns: list[Reign] = []
    with _nobody_is_the_bot(plan.data / FOLDER):
        engine = container.database.engine if plan.leased else None
        try:
            if plan.leased:
                _claim(every_lease(container), reigns)
            container.close()  # our own sessions would be in the way, too
            yield
        except BaseException:
            for reign in reigns:
                with contextlib.suppress(Unavailable):  # then it runs out by itself
                    reign.give_back()
            raise
        finally:
            if engine is not None:
                engine.dispose()


def _claim(leases: list[Lease], reigns: list[Reign]) -> None:
    deadline = time.monotonic() + LASTS + 2 * _LOOK_SECONDS
    while True:
        held: list[Lease] = []
        for lease in leases:
            reign = lease.claim()
            if reign is None:
                held.append(lease)
            else:
                reigns.append(reign)
        if not held:
            return
        if time.monotonic() > deadline:
            raise Conflict("service_running", f"The service runs ({held[0].holder}): stop it first.")
        leases = held
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _nobody_is_the_bot(folder: Path) -> Iterator[None]:
    """Lock the bot's folder, whichever database its bot works on."""
    if not folder.is_dir():
        yield
        return
    at_once = threading.Event()
    at_once.set()
    with alone(folder, at_once) as ours:
        if not ours:
            raise Conflict("service_running", f"A process is the bot of {folder}: stop it first.")
        yield


def _tell(manifest: Manifest, plan: Plan, *, done: bool, as_json: bool) -> None:
    facts = restoring.facts(manifest)
    if as_json:
        place = {"data": str(plan.data), "files": list(plan.files), "rows": plan.rows, "replaced": list(plan.replaced)}
        click.echo(json.dumps({"restored": done, **facts, **place}))
        return
    begin = "Restored" if done else "Nothing was changed. This would restore"
    click.echo(
        f"{begin} the backup of {facts['made_at']} (release {facts['release']}, schema {facts['schema']}, chain "
        f"{facts['chain_id']}, from {facts['database']}): {plan.rows} rows and {len(plan.files)} files into "
        f"{plan.data}."
    )
    for name in plan.files if not done else ():
        click.echo(f"  {name}")
    for name in plan.replaced:
        click.echo(f"  {'replaced' if done else 'would replace'} {name}")
    if done:
        click.echo(
            """
Look at earnest.env in the data folder: paths and addresses in it are those of the old place. Then start the service
and, once it has read what the chain did since, prove the books:

    earnest doctor
    earnest ledger rebuild --compare

Nothing new is sent to the chain before what was sent since the backup is final and read; /health says so."""
        )

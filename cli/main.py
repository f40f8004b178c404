"""``earnest``: the operator's door; every command on one screen."""

from __future__ import annotations

from pathlib import Path

import click

from cli.commands.demo import demo
from cli.commands.doctor import doctor
from cli.commands.keys import keys
from cli.commands.leave import leave
from cli.commands.migrate import migrate
from cli.commands.reset import reset
from cli.commands.run import run
from cli.commands.services import api, bot, chain, worker
from cli.commands.stake import stake
from cli.commands.tenants import tenants
from cli.commands.travel import travel


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="earnest")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Settings file; earnest.env in the data folder by default. The environment (EARNEST_…) comes first.",
)
def main(settings_file: Path | None) -> None:
    """Earnest: honest money and your own rules decide who may reach you on Matrix."""
    _ = settings_file  # read by cli.context, when the first command needs the container


for command in (run, demo, doctor, stake, tenants, keys, leave, migrate, api, bot, chain, worker, travel, reset):
    main.add_command(command)

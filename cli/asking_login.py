"""Asking for a login of once: the password or the token that it takes, and a word on how it ended."""

from __future__ import annotations

import sys

import click

from cli.one_login import Homeserver, Visit, takes_passwords
from kit.errors import Invalid
from kit.identifiers import UserId, isolate


def ask_login(homeserver: Homeserver, user: UserId, *, by_token: bool) -> tuple[str | None, str | None]:
    """Return a password that was asked for, or a token that came by standard input; the other one is ``None``.

    Raises ``Invalid`` where the homeserver takes no passwords, ``HomeserverUnavailable`` where it is none.
    """
    if by_token:
        return None, sys.stdin.readline(8_192).strip()
    if takes_passwords(homeserver):
        return click.prompt(f"Password of {isolate(user)} at {homeserver.url}", hide_input=True, err=True), None
    raise Invalid(
        "no_password_login",
        "That homeserver takes no passwords here (it signs people in on a page of its own). Copy an access token "
        "from your client's settings and hand it over with --token-stdin.",
    )


def say_how_it_ended(visit: Visit, *, by_token: bool) -> None:
    """Say whether the login is no more; nothing where there was none."""
    if not visit.entered:
        return
    if by_token:
        click.echo("Your own token was used and is as good as before: end it, if you made it for this.", err=True)
    elif visit.ended:
        click.echo("Logged out: that login and its token are no more.", err=True)
    else:
        click.echo(
            f"The homeserver did not confirm that the login ended. End the device {visit.device} by hand, in your own"
            " client under sessions (or devices).",
            err=True,
        )

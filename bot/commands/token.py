"""``token``: tokens with which a person's programs act for them."""

from __future__ import annotations

from app.container import Work
from app.sessions import EVERYTHING, TOKEN_LIFETIME, Scope
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, nothing_more

_LONGEST_NUMBER = 18


def run(work: Work, asked: Asked) -> Letter:
    """Make, list or end tokens."""
    action, rest = (asked.words[0].lower(), asked.words[1:]) if asked.words else ("write", ())
    if action in ("read", "write"):
        nothing_more(rest)
        writes = action == "write"
        secret = work.sessions.issue_token(asked.person, EVERYTHING if writes else frozenset({Scope.READ}), "bot")
        return Letter(manners.token(asked.reader, secret, TOKEN_LIFETIME.days, may_write=writes), secret=True)
    if action == "list":
        nothing_more(rest)
        known = [(token.id, token.label, token.expires_at) for token in work.sessions.tokens(asked.person)]
        return Letter(manners.tokens(asked.reader, known))
    if action == "revoke" and len(rest) == 1 and rest[0].isdecimal() and len(rest[0]) <= _LONGEST_NUMBER:
        work.sessions.revoke(asked.person, int(rest[0]))
        return Letter(manners.token_revoked(asked.reader))
    raise Unclear


COMMAND = Command(
    "token",
    ("token", "token read", "token list", "token revoke 1"),
    marked("gives you a token with which a program of yours can act for you, or only read"),
    run,
)

"""``session``: a browser that signed in by the homeserver's word is confirmed, or all browsers are signed out."""

from __future__ import annotations

from app.container import Work
from app.sessions import SESSION_LIFETIME
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear

_LONGEST_CODE = 20


def run(work: Work, asked: Asked) -> Letter:
    """Confirm the session with the code that is written, or end them all."""
    code = "".join(asked.words)
    if not code or len(code) > _LONGEST_CODE:
        raise Unclear
    if code.lower() == "end":
        return Letter(manners.sessions_ended(asked.reader, work.sessions.end_all(asked.person)))
    work.sessions.confirm(asked.person, code)
    return Letter(manners.session_confirmed(asked.reader, int(SESSION_LIFETIME.total_seconds() // 3600)))


COMMAND = Command(
    "session",
    ("session 7K2M-94QX", "session end"),
    marked("confirms a browser that you signed in, by the code that it shows; or signs all of them out"),
    run,
)

"""Lists of others, as the service follows them: read from where they stand, and looked up in memory by whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from app.container import Container, Work
from kit.errors import EarnestError, Invalid, PeerUnavailable
from reputation.followed import SLICE, FollowedList, Key, in_a_room, key_of
from reputation.lists.dangers import Danger, Found, dangers
from reputation.lists.model import Entry, Listing
from reputation.lists.reading import LARGEST, read_list

LOG = structlog.get_logger(__name__)
_OK: Final = 200
Working = Callable[[], AbstractContextManager[Work]]


@dataclass(frozen=True, slots=True)
class Read:
    """A list as it stands now: what was read, which entries are dangerous and left out, and what they would change."""

    listing: Listing
    left_out: tuple[Found, ...]
    written: tuple[Entry, ...]
    gone: tuple[Key, ...]

    @property
    def kept(self) -> int:
        """How many entries are followed."""
        return len(self.listing.entries) - self.refused

    @property
    def refused(self) -> int:
        """How many entries are left out; one may be dangerous in more than one way."""
        return len({found.entry.key for found in self.left_out})


def look(container: Container, source: str, kept: FollowedList | None = None) -> Read:
    """Read what stands at ``source``, an https:// URL or a file; nothing is changed.

    Left out is what hits everybody, all below a name that nobody owns, or ourselves. Raises ``Invalid`` where it is no
    list, or stands in a room, ``Forbidden`` and ``PeerUnavailable`` where it cannot be had.
    """
    listing = read_list(_text(container, source))
    return _read(container.read, listing, kept, container.settings.bot_user_id)


def _read(reading: Working, listing: Listing, kept: FollowedList | None, bot: str | None) -> Read:
    grave = (Danger.EVERYBODY, Danger.TOP_LEVEL, Danger.YOURS)
    left_out = tuple(found for found in dangers(listing, _ours(reading, bot)) if found.danger in grave)
    refused = {found.entry.key for found in left_out}
    wanted = {key_of(entry): entry for entry in listing if entry.key not in refused}
    before = {}
    if kept is not None:
        with reading() as work:
            before = work.followed.kept(kept.id)
    written = [
        entry
        for key, entry in wanted.items()
        if before.get(key) != (entry.recommendation.value, entry.below, entry.reason)
    ]
    gone = [key for key in before if key not in wanted]
    return Read(listing, left_out, tuple(written), tuple(gone))


def update(container: Container, kept: FollowedList) -> Read:
    """Read a followed list again and keep what changed, slice by slice. Raises as ``look`` does, and notes why."""
    try:
        found = look(container, kept.source, kept)
    except EarnestError as error:
        why = error.message if isinstance(error, Invalid) else str(error)
        with container.work() as work:
            work.followed.failed(kept.name, why)
        raise
    _keep(container.work, kept, found)
    return found


def take(reading: Working, working: Working, kept: FollowedList, listing: Listing, bot: str) -> Read:
    """Keep what changed in a list that the bot has read in a room. Raises ``NotFound`` where it is followed no more."""
    found = _read(reading, listing, kept, bot)
    _keep(working, kept, found)
    return found


def _keep(working: Working, kept: FollowedList, found: Read) -> None:
    with working() as work:
        work.followed.begin(kept.name)
    for begin in range(0, len(found.gone), SLICE):
        with working() as work:
            work.followed.take_out(kept.id, found.gone[begin : begin + SLICE])
    for begin in range(0, len(found.written), SLICE):
        with working() as work:
            work.followed.write(kept.id, found.written[begin : begin + SLICE])
    with working() as work:
        work.followed.read(
            kept.name,
            form=found.listing.form,
            entries=found.kept,
            left_out=found.refused,
            again=_is_url(kept.source) or in_a_room(kept.source),
        )


def regular(container: Container) -> None:
    """Read again what is due longest: one at a time, for whoever does this does other things, too."""
    with container.read() as work:
        due = work.followed.due()
    for one in due[:1]:
        try:
            found = update(container, one)
        except EarnestError as error:
            LOG.warning("list_unread", name=one.name, reason=type(error).__name__)
        else:
            LOG.info("list_read", name=one.name, written=len(found.written), gone=len(found.gone))


def unfollow(working: Working, name: str, *, force: bool = False) -> None:
    """Take a list out. Raises ``NotFound``; and ``Conflict`` where it acts in rooms, unless it is to end there, too."""
    done = False
    while not done:
        with working() as work:
            work.moderation.let_go(name, work.followed.find(name).id, force=force)
            done = work.followed.unfollow(name)


def _text(container: Container, source: str) -> str:
    if in_a_room(source):
        raise Invalid("list_in_a_room", "What stands in a room the bot reads, once it is there: follow the list first.")
    if _is_url(source):
        answer = container.fetcher.get(source, most_bytes=LARGEST)
        if answer.status != _OK:
            raise PeerUnavailable("list_unavailable", f"It answered {answer.status}.")
        raw = answer.body
    else:
        try:
            file = Path(source)
            if file.stat().st_size > LARGEST:
                raise Invalid("list_too_large", f"A list is {LARGEST // 2**20} MiB at most.")
            raw = file.read_bytes()
        except OSError as error:
            raise Invalid("list_file", f"{source}: {error.strerror or error}") from error
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Invalid("list_text", "It is no text in UTF-8.") from None


def _ours(reading: Working, bot: str | None) -> Sequence[str]:
    with reading() as work:
        servers = [tenant.server_name for tenant in work.tenants.all()]
    return [*servers, *([bot] if bot else [])]


def _is_url(source: str) -> bool:
    return "://" in source

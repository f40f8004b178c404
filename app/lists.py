"""Lists of others, as the service follows them: read from where they stand, and looked up in memory by whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from app.container import Container, Work
from app.signed_lists import MOST_SECONDS, REGULAR_SECONDS, SignedRead, header_in, read_signed
from kit.clock import unix
from kit.errors import EarnestError, Invalid, PeerUnavailable
from reputation.followed import SLICE, FollowedList, Key, in_a_room, key_of
from reputation.followed_services import FORM
from reputation.lists.authoring import MOST_AT_ONCE
from reputation.lists.dangers import Danger, Found, dangers
from reputation.lists.model import Entry, Fault, Listing
from reputation.lists.reading import LARGEST, read_list
from reputation.lists.verifying import entry_of

LOG = structlog.get_logger(__name__)
_OK: Final = 200
Working = Callable[[], AbstractContextManager[Work]]


@dataclass(frozen=True, slots=True)
class Read:
    """A list as it stands now: what was read, which entries are dangerous and left out, and what they would change.

    ``signed``: what came with it, where another service signs it.
    """

    listing: Listing
    left_out: tuple[Found, ...]
    written: tuple[Entry, ...]
    gone: tuple[Key, ...]
    signed: SignedRead | None = None

    @property
    def kept(self) -> int:
        """How many entries are followed."""
        return len(self.listing.entries) - len({found.entry.key for found in self.left_out})

    @property
    def refused(self) -> int:
        """How many entries are left out; one may be dangerous in more than one way.

        Of a signed list: how many labels stand, and are no entry of ours.
        """
        whole = len(self.listing.entries) if self.signed is None else self.signed.header.entries
        return whole - self.kept


def look(
    container: Container,
    source: str,
    kept: FollowedList | None = None,
    *,
    key: str | None = None,
    seconds: float | None = None,
) -> Read:
    """Read what stands at ``source``, an https:// URL or a file; nothing is changed. ``key``: who is to have signed it.

    Left out is what hits everybody, all below a name that nobody owns, or ourselves. Raises ``Invalid`` where it is no
    list, not as its author signed it, or stands in a room, ``Forbidden`` and ``PeerUnavailable`` where it cannot be
    had.
    """
    text = _text(container, source)
    found, signed = header_in(text), None
    with container.read() as work:
        service = None if kept is None else work.followed.services.find(kept.id)
        labels = {} if kept is None or service is None else work.followed.services.labels(kept.id)
    if found is None and (service is not None or key is not None):
        raise Invalid("list_unsigned", "It is no list that a service signs" + (", as it was." if service else "."))
    if found is None:
        listing = read_list(text)
    elif not _is_url(source):
        raise Invalid("list_of_a_service", "That is the header of a list: follow the address where it stands.")
    else:
        known = None if service is None else (service, labels)
        most = MOST_SECONDS if seconds is None else seconds
        signed = read_signed(container, source, found, known, key, seconds=most)
        listing = _entries(container, signed, kept)
    return _read(container.read, listing, kept, container.settings.bot_user_id, signed)


def _entries(container: Container, signed: SignedRead, kept: FollowedList | None) -> Listing:
    """Return all entries of a signed list: those of the labels that came, and those that are kept of the others."""
    now = unix(container.clock())
    came = [entry_of(label, signed.header) for key, label in signed.changed.items() if signed.counts(key, now)]
    entries = [entry for entry in came if isinstance(entry, Entry)]
    if kept is not None and not signed.whole:
        with container.read() as work:
            stay = [entry for entry in work.followed.entries(kept.id) if key_of(entry) not in signed.changed]
        entries += [entry for entry in stay if signed.counts(key_of(entry), now)]
    return Listing(FORM, tuple(entries), tuple(one for one in came if isinstance(one, Fault)))


def _read(
    reading: Working, listing: Listing, kept: FollowedList | None, bot: str | None, signed: SignedRead | None = None
) -> Read:
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
    return Read(listing, left_out, tuple(written), tuple(gone), signed)


def update(container: Container, kept: FollowedList, *, key: str | None = None, seconds: float | None = None) -> Read:
    """Read a followed list again and keep what changed, slice by slice. Raises as ``look`` does, and notes why."""
    try:
        found = look(container, kept.source, kept, key=key, seconds=seconds)
    except EarnestError as error:
        why = error.message if isinstance(error, Invalid) else str(error)
        over = isinstance(error, Invalid) and error.code == "list_expired"
        with container.work() as work:
            work.followed.failed(kept.name, why)
            if over:
                work.followed.services.ends_now(kept.id)
        if over:
            _end(container)
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
    if found.signed is not None:
        _keep_labels(working, kept.id, found.signed)
    with working() as work:
        if found.signed is not None:
            work.followed.services.read(kept.id, found.signed.header, found.signed.key)
        work.followed.read(
            kept.name,
            form=found.listing.form,
            entries=found.kept,
            left_out=found.refused,
            again=_is_url(kept.source) or in_a_room(kept.source),
        )


def _keep_labels(working: Working, number: int, signed: SignedRead) -> None:
    """Keep what came of a list's labels, after their entries: whoever dies before that reads them again."""
    places = list(signed.written)
    for begin in range(0, len(signed.gone), SLICE):
        with working() as work:
            work.followed.lock(number)
            work.followed.services.take_out(number, signed.gone[begin : begin + SLICE])
    for begin in range(0, len(places), SLICE):
        some = {place: signed.written[place] for place in places[begin : begin + SLICE]}
        with working() as work:
            work.followed.lock(number)
            work.followed.services.write(number, some)


def _end(container: Container) -> None:
    """Take out the entries of what is over: labels, and whole lists."""
    with container.read() as work:
        over = work.followed.services.over()
    for number in over:
        done = False
        while not done:
            with container.work() as work:
                done = work.followed.end(number)
    count = 1
    while count:
        with container.work() as work:
            count = work.followed.end_some(SLICE)


def regular(container: Container) -> None:
    """Let end what is over, and read again what is due longest: one at a time, for whoever does this does more."""
    while True:
        with container.work() as work:
            if not work.publishing.expire(limit=MOST_AT_ONCE):
                break
    _end(container)
    with container.read() as work:
        due = work.followed.due()
    for one in due[:1]:
        try:
            found = update(container, one, seconds=REGULAR_SECONDS)
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

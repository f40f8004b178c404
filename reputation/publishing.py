"""Publishing, in one transaction: people's own lists, their entries, and what others read of them, signed.

A list's version grows by one with each label that is said or taken back, and with each change of its header. Of each
subject the last label is kept, a negation too: so whoever read a list up to a version needs only what came after it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.clock import unix
from kit.database import write_many
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from kit.sealing import Seal
from ledger.people import People
from reputation.list_keys import ListKeys
from reputation.list_rooms import ListRooms
from reputation.lists.authoring import (
    MOST_AT_ONCE,
    MOST_LISTS,
    NAME,
    NEGATIONS_KEPT,
    RECENT,
    Changed,
    Description,
    Key,
    Page,
    Published,
    Said,
    check_description,
    check_said,
    entry_in,
    key_of,
)
from reputation.lists.dangers import dangers
from reputation.lists.model import Entry, Listing
from reputation.lists.signed import Header, Sum
from reputation.lists.verifying import entry_of, read_definitions
from reputation.publishing_rows import columns, entries, in_parts, kept, label, published, said_before, same
from reputation.publishing_tables import PublishedEntryRow, PublishedListRow

TOPIC: Final = "published"
"""What the change counter counts them under."""
MOST_ENTRIES: Final = 100_000
MOST_PAGE: Final = 1_000

Row = PublishedListRow
EntryRow = PublishedEntryRow


class Publishing:
    """The lists that people publish here. What changes one is for its author alone."""

    def __init__(self, session: Session, *, now: datetime, people: People, seal: Callable[[], Seal]) -> None:
        """Work in ``session``, at ``now``; ``seal`` keeps the keys that sign."""
        self._session = session
        self._now = now
        self._people = people
        self.keys = ListKeys(session, now, seal)
        self.rooms = ListRooms(session, now)

    # --------------------------------------------------------------------------------------------- the author's

    def create(self, person: PersonId, name: str, described: Description) -> Published:
        """Publish a list without entries, under a name of the author's own. Raises ``Invalid``, ``Conflict``."""
        if not NAME.fullmatch(name):
            raise Invalid("list_name", "A list's name has small letters, digits, - and _, and begins with a letter.")
        check_description(described, self._now)
        self._people.lock(person)
        theirs = self.all(person)
        if any(one.name == name for one in theirs):
            raise Conflict("list_named", f"You publish a list of the name {name} already.", name=name)
        if len(theirs) >= MOST_LISTS:
            raise Conflict("lists_enough", f"You publish {MOST_LISTS} lists already: retire one.", most=MOST_LISTS)
        self.keys.make()
        row = Row(
            public_id=secrets.token_urlsafe(12).replace("-", "x").replace("_", "y"),
            person=person,
            name=name,
            version=1,
            oldest=0,
            entries=0,
            sum=Sum().kept(),
            before=[],
            created_at=self._now,
            changed_at=self._now,
            **columns(described),
        )
        self._session.add(row)
        self._session.flush()
        return published(row)

    def all(self, person: PersonId) -> list[Published]:
        """Return a person's lists by name."""
        query = select(Row).where(Row.person == person, Row.retired_at.is_(None)).order_by(Row.name)
        return [published(row) for row in self._session.scalars(query)]

    def named(self, person: PersonId, name: str) -> Published:
        """Return a person's list by their own name for it. Raises ``NotFound``."""
        found = next((one for one in self.all(person) if one.name == name), None)
        if found is None:
            raise NotFound("list_not_yours", f"You publish no list of the name {name[:60]}.", name=name)
        return found

    def describe(self, person: PersonId, list_: str, described: Description) -> Published:
        """Say anew what a list is; entries stay. Raises ``Invalid``, and ``NotFound`` as all that follow.

        A label that entries have keeps a definition, or it is ``Conflict``.
        """
        check_description(described, self._now)
        row = self._own(person, list_)
        used = self._session.scalars(
            select(EntryRow.value).where(EntryRow.list == row.id, EntryRow.negated.is_(False)).distinct()
        )
        lacking = sorted(set(used) - described.definitions.keys())
        if lacking:
            raise Conflict("label_used", f"Entries have a label that would mean nothing: {lacking[0]}.")
        for column, value in columns(described).items():
            setattr(row, column, value)
        self._changed(row, 1)
        return published(row)

    def change(self, person: PersonId, list_: str, add: Sequence[Said], remove: Sequence[Key] = ()) -> Changed:
        """Say some labels, and take some back; all or nothing, 200 at most, each a version of its own.

        Raises ``Invalid`` for an entry that nobody could read, or that hits everybody or all below a name that nobody
        owns; ``Conflict`` for more than 100,000.
        """
        if len(add) + len(remove) > MOST_AT_ONCE:
            raise Invalid("too_many_entries", f"{MOST_AT_ONCE} entries at most are changed at once.", most=MOST_AT_ONCE)
        row = self._own(person, list_)
        definitions = read_definitions(row.definitions)
        said = {key_of(one): one for one in (check_said(each, definitions, self._now) for each in add)}
        listing = Listing("", tuple(entries(said.values(), definitions)))
        found = tuple(dangers(listing, self._own_names(person)))
        back = {key: None for key in remove if key not in said and key[1].isprintable()}  # no other ever stood there
        return replace(self._apply(row, {**back, **said}), dangers=found)

    def undo(self, person: PersonId, list_: str) -> Changed:
        """Let the entries be what they were before the last change; that is a change, and can be undone.

        Raises ``Conflict`` where there is none, ``Invalid`` where one had a label that is defined no more.
        """
        row = self._own(person, list_)
        if not row.before:
            raise Conflict("list_unchanged", "There is nothing to undo in that list.")
        said = {
            (subject, entity): said_before(subject, entity, rest, self._now) for subject, entity, rest in row.before
        }
        for one in filter(None, said.values()):
            entry_in(one, read_definitions(row.definitions))
        return self._apply(row, said)

    def retire(self, person: PersonId, list_: str) -> Published:
        """Publish a list no more: it stands there without entries, and says so. This cannot be undone."""
        row = self._own(person, list_)
        self._retire(row)
        return published(row)

    def retire_any(self, public_id: str) -> Published:
        """Do the same for whoever runs the service. Raises ``NotFound``."""
        row = self._row(public_id)
        if row.retired_at is None:
            self._retire(row)
        return published(row)

    def forget(self, person: PersonId) -> None:
        """Retire a person's lists, and take out what they wrote in them; who it was, nothing says any more."""
        for row in self._session.scalars(select(Row).where(Row.person == person)):
            row.title, row.description, row.before = "", "", []
            if row.retired_at is None:
                self._retire(row)
            else:
                self._changed(row, 1)  # its room has the title still

    # ------------------------------------------------------------------------------------------------ readers'

    def public(self, after: str | None, limit: int) -> list[Published]:
        """Return lists that are shown to everybody, in the order in which they came. Raises ``NotFound``."""
        query = select(Row).where(Row.public, Row.retired_at.is_(None)).order_by(Row.id).limit(limit)
        if after is not None:
            query = query.where(Row.id > self._row(after).id)
        return [published(row) for row in self._session.scalars(query)]

    def everything(self) -> list[Published]:
        """Return all lists, for whoever runs the service; those that are retired, too."""
        return [published(row) for row in self._session.scalars(select(Row).order_by(Row.id))]

    def find(self, public_id: str) -> Published:
        """Return a list, one that is retired too. Raises ``NotFound``, as all that follow."""
        return published(self._row(public_id))

    def author(self, one: Published) -> UserId | None:
        """Return whose list it is; ``None`` for somebody who has left us."""
        return self._people.mxid(one.person)

    def header(self, public_id: str) -> dict[str, Any]:
        """Return a list's header, signed."""
        return self.keys.current().sign(self._header(self._row(public_id)).shown())

    def page(self, public_id: str, *, after: int, limit: int, whole: bool) -> Page:
        """Return labels after a version, signed, with the header as it is at this moment.

        ``whole``: the list is read from its beginning, so what was taken back long ago is left out. Raises ``Conflict``
        for a version that is too old (``labels_gone``) or was never given (``cursor_ahead``): read it whole then.
        """
        row = self._row(public_id)
        if after > row.version:
            raise Conflict("cursor_ahead", f"The list is at version {row.version}.", last=row.version)
        if after < row.oldest and not whole:
            message = f"What was taken back before version {row.oldest} is forgotten: read the list whole."
            raise Conflict("labels_gone", message, oldest=row.oldest)
        key, header = self.keys.current(), self._header(row)
        found: list[PublishedEntryRow] = []
        if row.retired_at is None:
            query = select(EntryRow).where(EntryRow.list == row.id, EntryRow.version > after)
            if whole:
                recent = EntryRow.since > self._now - RECENT
                query = query.where(~EntryRow.negated | recent if after else ~EntryRow.negated)
            found = list(self._session.scalars(query.order_by(EntryRow.version).limit(limit + 1)))
        more = len(found) > limit
        labels = [key.sign(label(one, row.public_id, header.author or "").shown()) for one in found[:limit]]
        last = found[limit - 1].version if more else row.version
        return Page(key.sign(header.shown()), labels, next=last, more=more)

    def entries(self, public_id: str, *, newest: bool = False) -> Iterator[Entry]:
        """Go through what a list recommends now, by version; ``newest``: backwards."""
        row = self._row(public_id)
        header = self._header(row)
        if row.retired_at is not None or (header.expires is not None and header.expires <= unix(self._now)):
            return
        query = select(EntryRow).where(EntryRow.list == row.id, ~EntryRow.negated)
        query = query.order_by(EntryRow.version.desc() if newest else EntryRow.version)
        for one in self._session.scalars(query.execution_options(yield_per=MOST_PAGE)):
            if one.until is None or one.until > self._now:
                entry = entry_of(label(one, row.public_id, header.author or ""), header)
                if isinstance(entry, Entry):
                    yield entry

    # ------------------------------------------------------------------------------------------------- upkeep

    def expire(self, *, limit: int) -> int:
        """Take back some entries whose time is over; return how many. Call it until it returns none."""
        due = select(EntryRow.list, EntryRow.subject, EntryRow.entity).where(
            EntryRow.until <= self._now, ~EntryRow.negated
        )
        by_list: dict[int, dict[Key, None]] = {}
        for number, subject, entity in self._session.execute(due.order_by(EntryRow.until).limit(limit)):
            by_list.setdefault(number, {})[subject, entity] = None
        for number, keys in sorted(by_list.items()):
            row = self._session.scalars(select(Row).where(Row.id == number).with_for_update()).one()
            if row.retired_at is None:
                self._apply(row, keys, undone=False)
            else:
                self._take_out(number, list(keys))
        return sum(map(len, by_list.values()))

    def prune(self, *, limit: int) -> int:
        """Take out some negations that are old, and entries of retired lists; return how many."""
        old = select(EntryRow).where(EntryRow.negated, EntryRow.since < self._now - NEGATIONS_KEPT)
        retired = select(EntryRow).join(Row, Row.id == EntryRow.list).where(Row.retired_at.is_not(None))
        gone = list(self._session.scalars(old.limit(limit))) or list(self._session.scalars(retired.limit(limit)))
        for number in sorted({one.list for one in gone}):
            row = self._session.scalars(select(Row).where(Row.id == number).with_for_update()).one()
            theirs = [one for one in gone if one.list == number]
            row.oldest = max(row.oldest, *(one.version for one in theirs))
            self._take_out(number, [(one.subject, one.entity) for one in theirs])
        return len(gone)

    # ------------------------------------------------------------------------------------------------- within

    def _apply(self, row: Row, wanted: Mapping[Key, Said | None], *, undone: bool = True) -> Changed:
        """Let what a list says of some subjects be this, ``None``: nothing; only what is another thing is written."""
        there = self._there(row.id, list(wanted))
        author, total = self._people.mxid(PersonId(row.person)) or "", Sum(row.sum)
        made, before, added, version = [], [], 0, row.version
        for key, said in wanted.items():
            old = there.get(key)
            stood = old is not None and not old.negated
            if said is None if not stood else old is not None and said is not None and same(old, said):
                continue
            version += 1
            new = self._entry(row.id, key, said, version, old)
            digest = label(new, row.public_id, author).digest()
            new.digest = digest
            total.take([old.digest] if old is not None and stood else [])
            total.add([digest] if said is not None else [])
            added += (said is not None) - stood
            before.append([*key, kept(old) if old is not None and stood else None])
            made.append(new)
        if row.entries + added > MOST_ENTRIES:
            raise Conflict("list_full", f"A list has {MOST_ENTRIES:,} entries at most.", most=MOST_ENTRIES)
        self._write(row.id, made)
        row.sum, row.entries = total.kept(), row.entries + added
        row.before = before if undone and before else row.before
        if made:
            self._changed(row, len(made))
        back = sum(new.negated for new in made)
        if back:
            self._forget_some(row)
        return Changed(row.version, said=len(made) - back, back=back, same=len(wanted) - len(made))

    def _forget_some(self, row: Row) -> None:
        """Forget the oldest negations where there are more than a list has entries: nobody fills our disk by turns."""
        negated = EntryRow.list == row.id, EntryRow.negated
        if (self._session.scalar(select(func.count()).select_from(EntryRow).where(*negated)) or 0) <= MOST_ENTRIES:
            return
        query = select(EntryRow.subject, EntryRow.entity, EntryRow.version).where(*negated).order_by(EntryRow.version)
        old = self._session.execute(query.limit(MOST_AT_ONCE)).all()
        row.oldest = old[-1].version
        self._take_out(row.id, [(one.subject, one.entity) for one in old])

    def _entry(self, number: int, key: Key, said: Said | None, version: int, old: EntryRow | None) -> EntryRow:
        subject, entity = key
        value = said.value if said is not None else (old.value if old is not None else "")
        return EntryRow(
            list=number,
            subject=subject,
            entity=entity,
            version=version,
            value=value,
            below=said.below if said is not None else (old is not None and old.below),
            reason=said.reason if said is not None else "",
            negated=said is None,
            since=self._now,
            until=said.until if said is not None else None,
        )

    def _there(self, number: int, keys: Sequence[Key]) -> dict[Key, EntryRow]:
        found: dict[Key, EntryRow] = {}
        for some in in_parts(number, keys):
            for one in self._session.scalars(select(EntryRow).where(*some)):
                self._session.expunge(one)  # it is written anew, not changed
                found[one.subject, one.entity] = one
        return found

    def _write(self, number: int, made: Sequence[EntryRow]) -> None:
        self._take_out(number, [(one.subject, one.entity) for one in made])
        names = [column.key for column in EntryRow.__table__.columns]
        write_many(self._session, EntryRow, {name: [getattr(one, name) for one in made] for name in names})

    def _take_out(self, number: int, keys: Sequence[Key]) -> None:
        for some in in_parts(number, keys):
            gone = delete(EntryRow).where(*some)
            self._session.execute(gone.execution_options(synchronize_session=False))

    def _retire(self, row: Row) -> None:
        row.retired_at = self._now
        row.name = row.public_id  # its author may use the name again
        row.entries, row.sum, row.before = 0, Sum().kept(), []
        self._changed(row, 1)

    def _changed(self, row: Row, count: int) -> None:
        row.version += count
        row.changed_at = self._now
        self._session.flush()
        touch(self._session, TOPIC)

    def _header(self, row: Row) -> Header:
        author = self._people.mxid(PersonId(row.person))
        return Header(
            id=row.public_id,
            title=row.title,
            author=author,
            licence=row.licence,
            language=row.language,
            version=row.version,
            entries=row.entries,
            digest=Sum(row.sum).digest(),
            description=row.description,
            expires=None if row.expires_at is None else unix(row.expires_at),
            retired=row.retired_at is not None,
            definitions=read_definitions(row.definitions),
        )

    def _own(self, person: PersonId, list_: str) -> Row:
        mine = select(Row).where(Row.public_id == list_, Row.person == person, Row.retired_at.is_(None))
        row = self._session.scalar(mine.with_for_update())
        if row is None:
            raise NotFound("list_unknown", "You publish no such list.")
        return row

    def _row(self, public_id: str) -> Row:
        row = self._session.scalar(select(Row).where(Row.public_id == public_id))
        if row is None:
            raise NotFound("list_unknown", "No such list is published here.")
        return row

    def _own_names(self, person: PersonId) -> list[str]:
        mxid = self._people.mxid(person)
        return [] if mxid is None else [mxid]

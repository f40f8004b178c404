"""The reader: how one person is to be told amounts, times, names and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from app.wording.catalogue import Translate, marked, plural_translator, translator
from app.wording.message import Link, Literal, Message, Safe, Value, render
from kit.amounts import Amount, show
from kit.clock import from_unix, zone_of
from kit.identifiers import UserId, skeleton

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Service:
    """What every sentence may need of the service: its token, its pages, its bot."""

    symbol: str
    decimals: int
    public_url: str
    bot: UserId | None


@dataclass(frozen=True, slots=True)
class Reader:
    """One person as a reader, at ``now``. ``known`` are people they know: whoever looks like one of them is flagged."""

    service: Service
    now: datetime
    locale: str | None = None
    time_zone: str | None = None
    known: frozenset[UserId] = field(default_factory=frozenset)

    @property
    def translate(self) -> Translate:
        """What turns a marked sentence into the reader's language."""
        return translator(self.locale)

    def say(self, template: str, **values: Value) -> Message:
        """Fill a marked sentence, in the reader's language."""
        return render(self.translate(template), values)

    def several(self, one: str, many: str, count: int, **values: Value) -> Message:
        """Fill one of two marked sentences (``one`` says the number itself), in the form that the language has."""
        return render(plural_translator(self.locale)(one, many, count), {**values, "count": count})

    def money(self, amount: Amount) -> Safe:
        """Write an amount with its symbol, exact: ``5 ERN``."""
        return Safe(f"{show(amount, self.service.decimals)} {self.service.symbol}")

    def person(self, user: UserId | None) -> Value:
        """Write a Matrix id whole; one that could be mistaken for somebody the reader knows is flagged."""
        if user is None:
            return self.say(marked("(somebody who has left us)"))
        shape = _shape(user)
        familiar = self.known | ({self.service.bot} if self.service.bot else frozenset())
        twin = next((known for known in sorted(familiar) if known != user and _shape(known) == shape), None)
        if twin is None:
            return str(user)
        return self.say(marked("{who} (⚠️ **not** {twin}, only similar to it)"), who=str(user), twin=str(twin))

    def when(self, moment: datetime | int) -> Safe:
        """Write a moment (or Unix seconds) in the reader's zone, with how far off it is."""
        at = from_unix(moment) if isinstance(moment, int) else moment
        zone = zone_of(self.time_zone)
        local = at.astimezone(zone)
        name = "UTC" if zone is UTC else str(zone)
        return Safe(f"{local:%Y-%m-%d %H:%M} {name} ({self.far(at)})")

    def far(self, moment: datetime | int) -> str:
        """Write how far off a moment is, rounded so that it promises no more than there is: ``in 8 days``."""
        at = from_unix(moment) if isinstance(moment, int) else moment
        seconds = int((at - self.now).total_seconds())
        if abs(seconds) < _MINUTE:
            return self.translate(marked("now"))
        return self.translate(marked("in %s") if seconds > 0 else marked("%s ago")) % self._span(abs(seconds))

    def _span(self, seconds: int) -> str:
        # Below two of a unit the next smaller one says it better: "in 47 hours", not "in 1 day".
        for unit, name in ((_DAY, marked("%d days")), (_HOUR, marked("%d hours")), (_MINUTE, marked("%d minutes"))):
            if seconds >= 2 * unit:
                return self.translate(name) % (seconds // unit)
        return self.translate(marked("1 minute"))

    def link(self, path: str) -> Link:
        """Write a link to one of our own pages; ``path`` begins with a slash."""
        return Link(self.service.public_url + path)

    def command(self, text: str) -> Literal:
        """Write something to be typed."""
        return Literal(text)


@lru_cache(maxsize=50_000)
def _shape(user: UserId) -> str:
    """Return what an id looks like to a hurried eye; worked out once, since a person may know thousands."""
    return skeleton(user)

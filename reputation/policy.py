"""Documents (pure): doors, filters, and protections of rooms; rules in order, as pydantic models with a version."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StrictBool,
    WithJsonSchema,
    model_validator,
)

from kit.amounts import ZERO, Amount, parse, show
from payments.stakes.model import HIGHEST_PRICE, Price
from reputation.conditions.model import LONGEST_CONDITION
from reputation.pricing import DEFAULT_A_DAY, DEFAULT_OPEN, HIGHEST_CAP
from reputation.verdict import FreePath

VERSION: Final = 1
MOST_RULES: Final = 50
MOST_PATTERNS: Final = 50
MOST_WORDS: Final = 2_000
MOST_REGEXES: Final = 200
LONGEST_WORD: Final = 100
LONGEST_REGEX: Final = 300
LONGEST_NAME: Final = 60
LONGEST_REMARK: Final = 200
DECIMALS: Final = 18
"""Amounts in documents are written in whole tokens, as people say them, with at most so many decimal places."""
SHORTEST_TIME: Final = timedelta(minutes=1)
LONGEST_TIME: Final = timedelta(days=365)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_MOST_DIGITS: Final = 6


def _read_amount(value: object) -> object:
    return parse(value, DECIMALS) if isinstance(value, str) else value


def _whole(value: object) -> object:
    if type(value) is not int:  # to Python, true and 1.0 are 1
        raise ValueError("a whole number")
    return value


def _read_time(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    number, unit = (value[:-1], value[-1:]) if isinstance(value, str) else ("", "")
    if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS and unit in _UNITS):
        raise ValueError('a time as "10m", "2h" or "7d"')
    return _UNITS[unit] * int(number)


def show_time(time: timedelta) -> str:
    """Write a time as documents have it, in the largest unit that says it: ``10m``, ``2h``, ``7d``."""
    unit = next(unit for unit in reversed(_UNITS) if not time % _UNITS[unit])
    return f"{time // _UNITS[unit]}{unit}"


def _bounded(time: timedelta) -> timedelta:
    if not SHORTEST_TIME <= time <= LONGEST_TIME:
        raise ValueError("a time between a minute and a year")
    return time


def _one_line(text: str) -> str:
    if text.strip() != text or not text.isprintable():
        raise ValueError("one line of text, without blanks at its ends")
    return text


Tokens = Annotated[
    Amount,
    BeforeValidator(_read_amount),
    PlainSerializer(lambda amount: show(amount, DECIMALS), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,78}(\.[0-9]{1,18})?$", "examples": ["5", "0.25"]}),
]
"""An amount as people write it: ``"5"``, ``"0.25"``."""
Time = Annotated[
    timedelta,
    BeforeValidator(_read_time),
    AfterValidator(_bounded),
    PlainSerializer(show_time, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,6}[mhd]$", "examples": ["10m", "2h", "7d"]}),
]
"""How long something holds, a minute to a year, as people write it: ``"10m"``, ``"2h"``, ``"7d"``."""
_AS_TEXT: Final[dict[str, JsonValue]] = {"default": show(ZERO, DECIMALS)}
Version = Annotated[Literal[1], BeforeValidator(_whole)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_one_line)]
Remark = Annotated[str, Field(min_length=1, max_length=LONGEST_REMARK), AfterValidator(_one_line)]
PatternName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Admitting(_Model):
    """Let the knock through."""

    do: Literal["admit"] = "admit"


class Holding(_Model):
    """Let it through once what is asked is put down, or by a free path."""

    do: Literal["hold"] = "hold"
    stake: Tokens = Field(default=ZERO, json_schema_extra=_AS_TEXT)
    fee: Tokens = Field(default=ZERO, json_schema_extra=_AS_TEXT)
    free: Annotated[tuple[FreePath, ...], Field(max_length=2)] = ()

    @property
    def price(self) -> Price:
        """What it costs before anything raises it."""
        return Price(self.stake, self.fee)

    @model_validator(mode="after")
    def _asks_something(self) -> Holding:
        if not self.stake and not self.fee and not self.free:
            raise ValueError("a hold asks for a stake, a fee, or a free path; else admit or refuse")
        if self.stake.base_units + self.fee.base_units > HIGHEST_PRICE:
            raise ValueError("stake and fee together are more than the escrow can hold")
        if len(set(self.free)) != len(self.free):
            raise ValueError("a free path is named once")
        return self


class Refusing(_Model):
    """Do not let it through, whatever is paid."""

    do: Literal["refuse"] = "refuse"


Action: TypeAlias = Annotated[Admitting | Holding | Refusing, Field(discriminator="do")]


class Pattern(_Model):
    """Words and regexes under one name: it is found where any of them is. Upper and lower case are the same."""

    words: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_WORD)], ...], Field(max_length=MOST_WORDS)
    ] = ()
    regexes: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_REGEX)], ...], Field(max_length=MOST_REGEXES)
    ] = ()
    whole_words: StrictBool = False
    """Find words only where no letter or digit touches them."""
    look_alikes: StrictBool = False
    """Find words also where letters of other alphabets, or digits, stand in for theirs."""


Patterns: TypeAlias = Annotated[dict[PatternName, Pattern], Field(max_length=MOST_PATTERNS)]


class Rule(_Model):
    """One rule of a door: the first whose condition holds decides."""

    name: Name
    when: Annotated[str, Field(min_length=1, max_length=LONGEST_CONDITION)]
    then: Action
    because: Remark | None = None
    """The owner's own note; shown to them alone."""


class Limits(_Model):
    """How many strangers a door takes: stakes that wait at once, and new ones in 24 hours."""

    at_once: Annotated[int, Field(ge=1, le=HIGHEST_CAP, strict=True)] = DEFAULT_OPEN
    a_day: Annotated[int, Field(ge=1, le=HIGHEST_CAP, strict=True)] = DEFAULT_A_DAY


class DoorDocument(_Model):
    """A door: what becomes of a knock by somebody of whom its owner has not said anything."""

    version: Version = VERSION
    kind: Literal["door"] = "door"
    rules: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES)] = ()
    otherwise: Action
    limits: Limits = Limits()
    patterns: Patterns = {}


class Severity(StrEnum):
    """How loudly a label is shown."""

    NOTE = "note"
    WARN = "warn"
    HIDE = "hide"


class Labelling(_Model):
    """Attach a label."""

    label: PatternName
    severity: Severity = Severity.WARN
    days: Annotated[int, Field(ge=1, le=3650, strict=True)] | None = None
    """How long it holds; for good where nothing is said."""


class FilterRule(_Model):
    """One rule of a filter: each whose condition holds attaches its label."""

    name: Name
    when: Annotated[str, Field(min_length=1, max_length=LONGEST_CONDITION)]
    then: Labelling
    because: Remark | None = None


class FilterDocument(_Model):
    """A filter: rules that attach labels to messages; enforced nowhere, shown to its owner."""

    version: Version = VERSION
    kind: Literal["filter"] = "filter"
    rules: Annotated[tuple[FilterRule, ...], Field(max_length=MOST_RULES)] = ()
    patterns: Patterns = {}


class AtOnce(_Model):
    """What is done once, and is over: said to whoever it was, their message taken out, or they put out."""

    do: Literal["warn", "redact", "kick"]


class Lasting(_Model):
    """What holds for a time, or until a moderator ends it."""

    model_config = ConfigDict(serialize_by_alias=True)

    do: Literal["mute", "ban"]
    time: Time | None = Field(default=None, alias="for")


Following: TypeAlias = Annotated[AtOnce | Lasting, Field(discriminator="do")]


class ProtectionRule(_Model):
    """One rule of a room's protections: what each whose condition holds says is done to whoever wrote or came."""

    name: Name
    when: Annotated[str, Field(min_length=1, max_length=LONGEST_CONDITION)]
    then: Following
    because: Remark | None = None
    """The moderators' own note; shown to them alone."""


class ProtectionsDocument(_Model):
    """Protections: what is done in rooms about messages and arrivals; the moderators' own."""

    version: Version = VERSION
    kind: Literal["protections"] = "protections"
    rules: Annotated[tuple[ProtectionRule, ...], Field(max_length=MOST_RULES)] = ()
    patterns: Patterns = {}


class Keeping(_Model):
    """What becomes of a listing: it waits for the operator, or is not taken."""

    do: Literal["hold", "refuse"]


class ShopRule(_Model):
    """One rule of the shop: the first whose condition holds decides."""

    name: Name
    when: Annotated[str, Field(min_length=1, max_length=LONGEST_CONDITION)]
    then: Keeping
    tell: Remark | None = None
    """Shown to the seller; the rule's name where nothing is said."""


class ShopDocument(_Model):
    """The shop's rules: what the operator lets nobody sell here unseen, or at all."""

    version: Version = VERSION
    kind: Literal["shop"] = "shop"
    rules: Annotated[tuple[ShopRule, ...], Field(max_length=MOST_RULES)] = ()
    patterns: Patterns = {}
    share: Annotated[int, Field(ge=0, le=100, strict=True)] = 10
    """Per cent of what is for sale that may be taken off unasked in seven days."""


Document: TypeAlias = DoorDocument | FilterDocument | ProtectionsDocument
AnyRule: TypeAlias = Rule | FilterRule | ProtectionRule
KINDS: Final[dict[str, type[Document]]] = {
    "door": DoorDocument,
    "filter": FilterDocument,
    "protections": ProtectionsDocument,
}


def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of document, as it is published."""
    made = KINDS[kind].model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}

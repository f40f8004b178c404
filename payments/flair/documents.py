"""The operator's tier document (pure): what a supporter must give, and what they get for it, as pydantic models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)

from kit.amounts import parse
from kit.errors import Invalid
from kit.identifiers import on_one_line
from ledger.model import Asset
from payments.flair.model import Gives, Kind, Room, Space, Spans, Threshold, Tier, Tiers, currency

VERSION: Final = 1
LONGEST_DOCUMENT: Final = 100_000
"""Characters of a document as JSON."""
MOST_TIERS: Final = 20
MOST_ROOMS: Final = 20
MOST_ASSETS: Final = 20
LONGEST_NAME: Final = 60
LONGEST_TOPIC: Final = 200
LONGEST_STREAK: Final = 120
_LONGEST_QUOTED: Final = 300
_WHOLE: Final = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF"}
) | {
    "XOF",
    "XPF",
}
"""Currencies without minor units (ISO 4217)."""
_IN_THOUSANDS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies with three decimal places (ISO 4217)."""


def currency_decimals(code: str) -> int:
    """Return how many decimal places a currency has, by its ISO 4217 code; 2 where nothing else is known."""
    return 0 if code in _WHOLE else 3 if code in _IN_THOUSANDS else 2


def _whole(value: object) -> object:
    if type(value) is not int:  # to Python, true and 1.0 are 1
        raise ValueError("a whole number")
    return value


def _one_line(text: str) -> str:
    if text.strip() != text or not text.isprintable():
        raise ValueError("one line of text, without blanks at its ends")
    return text


Version = Annotated[Literal[1], BeforeValidator(_whole)]
Number = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_one_line)]
Topic = Annotated[str, Field(max_length=LONGEST_TOPIC), AfterValidator(_one_line)]
AssetName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]
"""``EUR`` (ISO 4217), ``ERN``, ``ETH``, or a name of the document's own ``assets``."""
Sum = Annotated[str, Field(pattern=r"^[0-9]{1,30}(\.[0-9]{1,18})?$", examples=["10", "2.50"])]
Sums = Annotated[dict[AssetName, Sum], Field(min_length=1, max_length=MOST_ASSETS)]
Days = Annotated[int, Field(ge=0, le=365, strict=True)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Streak(_Model):
    """What is given a month, and for how many months without a break."""

    months: Annotated[int, Field(ge=1, le=LONGEST_STREAK, strict=True)]
    month: Sums


class RoomModel(_Model):
    """A room of supporters."""

    id: Number
    title: Name
    topic: Topic = ""
    posts: StrictBool = False
    """Only the operator's people write there; supporters read."""


class GivesModel(_Model):
    """What a tier gives; a gift from where rewards beyond thanks are forbidden gives flair and wall alone."""

    space: StrictBool = False
    rooms: Annotated[tuple[Number, ...], Field(max_length=MOST_ROOMS)] = ()
    flair: StrictBool = True
    wall: StrictBool = True
    skip_stake: StrictBool = False
    """Doors that ask for supporters may let them in without a stake."""
    level: Annotated[int, Field(ge=1, le=49, strict=True)] | None = None
    """Their power level in the space: a tag that clients show, below every moderator's."""

    @model_validator(mode="after")
    def _rooms_are_in_the_space(self) -> GivesModel:
        if (self.rooms or self.level is not None) and not self.space:
            raise ValueError("rooms and a level are in the space: give that too")
        return self


class TierModel(_Model):
    """A tier; whoever reaches one of its sums has it."""

    id: Number
    title: Name
    sum: Sums | None = None
    """In all, for good."""
    month: Sums | None = None
    """A month."""
    year: Sums | None = None
    """What counts as a year of ``month`` where it is paid at once; twelve times that where nothing is said."""
    streak: Streak | None = None
    gives: GivesModel = GivesModel()
    corporate: StrictBool = False
    """For companies alone: those of whom the operator says that they are."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> TierModel:
        if self.sum is None and self.month is None and self.streak is None:
            raise ValueError("a tier asks for a sum, a month or a streak")
        if self.year is not None and set(self.year) - set(self.month or {}):
            raise ValueError("a year is that of a month in the same asset")
        return self


class SpaceModel(_Model):
    """The supporters' space."""

    title: Name
    topic: Topic = ""


class AssetModel(_Model):
    """A token that counts by its own name."""

    token: Annotated[str, Field(pattern=r"^erc20:[0-9]{1,18}:0x[0-9a-f]{40}$")]
    decimals: Annotated[int, Field(ge=0, le=36, strict=True)]


class TiersDocument(_Model):
    """The tiers of a cause, from the lowest to the highest."""

    version: Version = VERSION
    kind: Literal["tiers"] = "tiers"
    space: SpaceModel | None = None
    rooms: Annotated[tuple[RoomModel, ...], Field(max_length=MOST_ROOMS)] = ()
    assets: Annotated[dict[AssetName, AssetModel], Field(max_length=MOST_ASSETS)] = {}
    tiers: Annotated[tuple[TierModel, ...], Field(max_length=MOST_TIERS)] = ()
    warning_days: Days = 7
    grace_days: Days = 14
    charge_back_days: Days = 60
    """How long an imported gift can still be charged back: only then does it skip stakes."""

    @model_validator(mode="after")
    def _named_once(self) -> TiersDocument:
        ids = [tier.id for tier in self.tiers]
        rooms = [room.id for room in self.rooms]
        if len(set(ids)) != len(ids) or len(set(rooms)) != len(rooms):
            raise ValueError("a tier, and a room, is named once")
        for tier in self.tiers:
            if missing := set(tier.gives.rooms) - set(rooms):
                raise ValueError(f"there is no room {min(missing)}")
        if self.space is None and (rooms or any(tier.gives.space for tier in self.tiers)):
            raise ValueError("what is in the space needs one: say how it is called")
        return self


@dataclass(frozen=True)
class Assets:
    """What the names of assets in a document mean where the service stands: each with its decimal places."""

    known: tuple[tuple[str, Asset, int], ...] = ()
    sold_for: tuple[Asset, ...] = ()
    """What the operator lets people sell for, our own token first (``payments.tokens``)."""

    def find(self, name: str) -> tuple[Asset, int]:
        """Return what a name means; any other of three letters is a currency. Raises ``Invalid``."""
        for mine, asset, decimals in self.known:
            if mine == name:
                return asset, decimals
        if len(name) == 3 and name.isalpha():  # noqa: PLR2004 - ISO 4217
            return currency(name), currency_decimals(name)
        raise Invalid("asset_unknown", f"There is no asset {name}; name it under assets.", name=name)

    def name(self, asset: Asset) -> tuple[str, int]:
        """Return how an asset is called among people, and how many decimal places it has."""
        for name, known, decimals in self.known:
            if known == asset:
                return name, decimals
        return asset, 0 if ":" in asset else currency_decimals(asset)

    def with_own(self, document: TiersDocument) -> Assets:
        """Return the same and those that a document names; what the service knows cannot be named anew."""
        own = ((name, Asset(asset.token), asset.decimals) for name, asset in document.assets.items())
        return replace(self, known=(*self.known, *own))


def read_document(text: str) -> TiersDocument:
    """Read a tier document. Raises ``Invalid`` with what is wrong and where."""
    if len(text) > LONGEST_DOCUMENT:
        raise Invalid("tiers_too_long", f"A tier document has at most {LONGEST_DOCUMENT:,} characters.")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = on_one_line(str(error))[:_LONGEST_QUOTED]
        raise Invalid("tiers_no_json", f"The tier document is no JSON: {said}") from None
    try:
        return TiersDocument.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        said = on_one_line(f"{place}: {first['msg']}")[:_LONGEST_QUOTED]
        raise Invalid("tiers_malformed", f"The tier document: {said}") from None


def read_tiers(document: TiersDocument, assets: Assets) -> Tiers:
    """Return a document as what the fold takes. Raises ``Invalid`` for an asset or a sum that is none."""
    known = assets.with_own(document)

    def sums(named: Mapping[str, str] | None) -> dict[Asset, int]:
        found = {}
        for name, text in (named or {}).items():
            asset, places = known.find(name)
            amount = parse(text, places).base_units
            if not amount:
                raise Invalid("tier_for_nothing", "A tier asks for more than nothing.")
            found[asset] = amount
        return found

    tiers = tuple(
        _tier(
            model,
            sums(model.sum),
            sums(model.month),
            sums(model.year),
            sums(None if model.streak is None else model.streak.month),
        )
        for model in document.tiers
    )
    return Tiers(
        tiers=tiers,
        spans=Spans(
            warning=timedelta(days=document.warning_days),
            grace=timedelta(days=document.grace_days),
            charge_back=timedelta(days=document.charge_back_days),
        ),
        space=None if document.space is None else Space(document.space.title, document.space.topic),
        rooms=tuple(Room(room.id, room.title, room.topic, room.posts) for room in document.rooms),
    )


def _tier(
    model: TierModel,
    in_all: Mapping[Asset, int],
    a_month: Mapping[Asset, int],
    a_year: Mapping[Asset, int],
    unbroken: Mapping[Asset, int],
) -> Tier:
    months = 0 if model.streak is None else model.streak.months
    return Tier(
        id=model.id,
        title=model.title,
        thresholds=(
            *(Threshold(Kind.SUM, asset, amount) for asset, amount in in_all.items()),
            *(Threshold(Kind.MONTH, asset, amount, year=a_year.get(asset)) for asset, amount in a_month.items()),
            *(Threshold(Kind.STREAK, asset, amount, months) for asset, amount in unbroken.items()),
        ),
        gives=Gives(
            space=model.gives.space,
            rooms=model.gives.rooms,
            flair=model.gives.flair,
            wall=model.gives.wall,
            skip_stake=model.gives.skip_stake,
            level=model.gives.level,
        ),
        corporate=model.corporate,
    )


def show_document(document: TiersDocument) -> str:
    """Write a document as it is kept."""
    return document.model_dump_json(exclude_defaults=False)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a tier document, as it is published."""
    made = TiersDocument.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}

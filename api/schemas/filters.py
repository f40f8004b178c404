"""Schemas of a person's own filter: what stands, versions, and what it would have hidden or marked."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.doors import BasedOn, ChangeOut
from api.schemas.me import MatrixId
from api.schemas.quotes import Unix
from reputation.filter_presets import FilterPreset
from reputation.policy import FilterDocument, Severity

_EXAMPLE = {
    "version": 1,
    "kind": "filter",
    "rules": [
        {
            "name": "links from strangers",
            "when": "message.links > 0 && sender.known_by == 0",
            "then": {"label": "link", "severity": "warn"},
        }
    ],
}
Document = Annotated[
    dict[str, Any],
    Field(description="A filter, as docs/rules.md and docs/schemas/filter.json say.", examples=[_EXAMPLE]),
]
RoomId = Annotated[str, Field(examples=["!choir:example.org"])]
EventId = Annotated[str, Field(examples=["$Wm3…"])]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class FilterIn(BaseModel):
    """What a filter is to be: a document, or a preset by its name."""

    model_config = ConfigDict(extra="forbid")

    document: Document | None = None
    preset: FilterPreset | None = None
    based_on: BasedOn = None


class WatchedOut(_Out):
    """A room that the bot reads because you asked it in."""

    room: RoomId
    since: Unix


class FilterOut(_Out):
    """Your filter, and the rooms that you asked the bot into; without rules it is off."""

    number: Annotated[int, Field(description="Its version; 0 for one that was never set.")]
    preset: Annotated[FilterPreset | None, Field(description="The preset that says the same.")]
    document: FilterDocument
    rooms: list[WatchedOut]


class FilterPresetOut(_Out):
    """A filter that fits into one sentence."""

    name: FilterPreset
    says: str
    document: FilterDocument


class FilterPresetsOut(_Out):
    """All of them."""

    presets: list[FilterPresetOut]


class FilterVersionOut(_Out):
    """A filter as it was set."""

    number: int
    since: Unix
    document: FilterDocument
    changes: Annotated[list[ChangeOut] | None, Field(description="Null where the version before is not kept any more.")]


class FilterVersionsOut(_Out):
    """The last 50 versions of a filter, newest first."""

    versions: list[FilterVersionOut]


class HeldOut(_Out):
    """A rule that held, and what decided."""

    number: Annotated[int, Field(description="Which of the filter's rules it was, from 1.")]
    rule: str
    label: str
    severity: Severity
    facts: Annotated[
        dict[str, Any], Field(description="The facts that decided; null: not kept, for it is somebody's text or name.")
    ]


class UnsaidOut(_Out):
    """A rule of which it could not be said whether it holds."""

    rule: str
    lacking: Annotated[list[str], Field(description="The facts that were not known.")]


class SightingOut(_Out):
    """A message that your filter would hide or mark. What it said is kept nowhere: the link shows it."""

    room: RoomId
    event: EventId
    link: Annotated[str, Field(description="Opens the message in your own client.")]
    sender: Annotated[MatrixId | None, Field(description="Null where they have left us.")]
    at: Unix
    version: Annotated[int, Field(description="The version of your filter that said so.")]
    held: Annotated[list[HeldOut], Field(description="The rules that held, the loudest first.")]
    unsaid: list[UnsaidOut]


class ByRuleOut(_Out):
    """How many messages one rule would have hidden or marked, where it is the loudest."""

    rule: str
    label: str
    severity: Severity
    messages: int


class WouldHaveOut(_Out):
    """What your filter would have hidden or marked. Nothing was hidden from anybody."""

    days: int
    messages: Annotated[int, Field(description="How many messages it was asked about.")]
    rooms: Annotated[int, Field(description="In how many rooms.")]
    seen: Annotated[int, Field(description="How many of them it would hide or mark.")]
    unread: Annotated[int, Field(description="How many more could not be decrypted.")]
    passed: Annotated[int, Field(description="How many more were passed over, for they came too fast.")]
    lacking: Annotated[dict[str, int], Field(description="Facts that rules lacked, and for how many messages.")]
    rules: list[ByRuleOut]
    newest: list[SightingOut]

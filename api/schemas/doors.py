"""Schemas of doors as documents: what stands, what a draft would change, and versions."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId, ReasonOut
from api.schemas.quotes import BaseUnits, Unix
from reputation.policy import DoorDocument
from reputation.policy_changes import What
from reputation.policy_presets import Preset
from reputation.trying import MOST_DAYS, USUAL_DAYS, Fate
from reputation.verdict import FreePath

_EXAMPLE = {
    "version": 1,
    "kind": "door",
    "rules": [{"name": "friends of friends", "when": "sender.known_by >= 1", "then": {"do": "admit"}}],
    "otherwise": {"do": "hold", "stake": "5", "free": ["ask", "vouch"]},
}
Document = Annotated[
    dict[str, Any],
    Field(description="A door, as docs/rules.md and docs/schemas/door.json say.", examples=[_EXAMPLE]),
]
BasedOn = Annotated[
    int | None,
    Field(
        ge=0,
        le=2**31 - 1,
        description="The version that you changed: where another one stands by now, nothing is set (409).",
    ),
]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DocumentOut(_Out):
    """The document that a door is."""

    number: Annotated[int, Field(description="Its version; 0 for a door that was never set.")]
    preset: Annotated[Preset | None, Field(description="The preset that says the same, limits aside.")]
    document: DoorDocument


class DocumentIn(_In):
    """What a door is to be: a document, or a preset by its name."""

    document: Document | None = None
    preset: Preset | None = None
    based_on: BasedOn = None


class TryIn(_In):
    """What is to be tried: a document, or a preset by its name."""

    document: Document | None = None
    preset: Preset | None = None
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="How far back.")] = USUAL_DAYS


class VerdictOut(_Out):
    """What a door does with somebody; stake and fee are what they are asked for, in base units."""

    verdict: Literal["admit", "hold", "refuse"]
    stake: BaseUnits | None
    fee: BaseUnits | None
    free: Annotated[list[FreePath], Field(description="Ways in that cost nothing.")]
    rule: Annotated[str | None, Field(description="The name of the rule that decided, if one did.")]
    because: list[ReasonOut]


class SampleOut(_Out):
    """Somebody with whom the draft deals otherwise, by what is known of them today."""

    stranger: MatrixId
    came_in: Annotated[int, Field(description="How often the door let them in.")]
    kept_out: Annotated[int, Field(description="How often they were not let through.")]
    last_at: Unix
    now: VerdictOut
    then: VerdictOut


class DifferenceOut(_Out):
    """All with whom the draft deals otherwise in one way; the samples are the latest of them."""

    now: Fate
    then: Fate
    strangers: int
    samples: list[SampleOut]


class TriedOut(_Out):
    """What a draft would change for whoever knocked in these days. Nothing was changed by trying."""

    days: int
    strangers: Annotated[int, Field(description="Who was looked at.")]
    changed: Annotated[int, Field(description="How many of them would meet something else.")]
    own_word: Annotated[int, Field(description="Of how many you said something yourself: that stands at any door.")]
    cut: Annotated[bool, Field(description="There were more; the latest were looked at.")]
    counted: Annotated[bool, Field(description="False: you never set your door, so nobody whom it let in was counted.")]
    lacking: Annotated[
        dict[str, int], Field(description="Facts that the draft asks about, and for how many they are not known.")
    ]
    differences: list[DifferenceOut]


class ChangeOut(_Out):
    """One thing that a version changed: what, and the name of the rule or pattern."""

    what: What
    name: str


class VersionOut(_Out):
    """A door as it was set."""

    number: int
    since: Unix
    document: DoorDocument
    changes: Annotated[list[ChangeOut] | None, Field(description="Null where the version before is not kept any more.")]


class VersionsOut(_Out):
    """The last 50 versions of a door, newest first."""

    versions: list[VersionOut]


class BackIn(_In):
    """Which version to go back to."""

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]


class PresetOut(_Out):
    """A door that fits into one sentence."""

    name: Preset
    says: str
    document: DoorDocument


class PresetsOut(_Out):
    """All of them."""

    presets: list[PresetOut]

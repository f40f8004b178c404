"""Schemas of what is one person's own: door, knocks, answers, wallets, tokens."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, BaseUnits, HashText, StakeOut, Unix
from reputation.evidence import LEAST_WEIGHT, MOST_WEIGHT, Audience, Reason
from reputation.verdict import FreePath

MatrixId = Annotated[str, Field(max_length=255, examples=["@bob:example.org"])]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MeOut(_Out):
    """Who asks, and what their token may do."""

    mxid: MatrixId | None
    scopes: Annotated[list[str], Field(examples=[["read", "write"]])]
    confirmed: Annotated[bool, Field(description="False for a session that the bot has yet to confirm.")]


class DoorOut(_Out):
    """What a person asks of strangers."""

    mode: Annotated[
        Literal["open", "ask", "closed", "rules"],
        Field(description="`rules`: what is asked differs between strangers; `/v1/me/door/document` says how."),
    ]
    stake: BaseUnits
    fee: BaseUnits
    fee_payee: AddressText | None
    symbol: str
    decimals: int
    exempt: list[MatrixId]
    most_open: Annotated[int, Field(description="How many strangers' stakes may wait at once.")]
    most_a_day: Annotated[int, Field(description="How many strangers may stake in 24 hours.")]


class DoorIn(_In):
    """A new door. Stake and fee are for the mode ``ask``; what is left out stays as it was, the caps too."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"mode": "ask", "stake": "5000000000000000000"}, {"mode": "closed"}]},
    )

    mode: Literal["open", "ask", "closed"]
    stake: BaseUnits | None = None
    fee: BaseUnits | None = None
    most_open: Annotated[int | None, Field(ge=1, le=1000)] = None
    most_a_day: Annotated[int | None, Field(ge=1, le=1000)] = None


class KnockOut(_Out):
    """A stranger who was not let through: how often, and why the last time."""

    stranger: MatrixId | None
    count: int
    first_at: Unix
    last_at: Unix
    because: Annotated[list[str], Field(examples=[["asks_stake"]])]


class KnocksOut(_Out):
    """Who was not let through in the last 30 days, latest first."""

    knocks: list[KnockOut]


class WaitingOne(_Out):
    """A stranger whose stake waits for an answer."""

    stranger: MatrixId | None
    stake: StakeOut
    since: Annotated[int | None, Field(description="When their invite arrived (Unix); null while it has not.")]
    answers_close: Annotated[Unix, Field(description="Answer before this, or the stake goes back by itself.")]


class WaitingOut(_Out):
    """Who waits for an answer, first closing first."""

    waiting: list[WaitingOne]


class AnswerIn(_In):
    """What the recipient says of a stranger. Spam burns the stake after 48 hours and must be confirmed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"stranger": "@bob:example.org", "answer": "accept"},
                {"stranger": "@mallory:example.org", "answer": "spam", "confirm": True},
            ]
        },
    )

    stranger: MatrixId
    answer: Literal["accept", "return", "spam"]
    confirm: Annotated[bool, Field(description="Must be true for spam.")] = False


class AnswerOut(_Out):
    """What an answer did."""

    answer: Literal["accept", "return", "spam"]
    stranger: MatrixId | None
    stakes: Annotated[list[HashText], Field(description="The stakes that it resolves.")]
    undo_until: Annotated[int | None, Field(description="Until when (Unix) a spam verdict can be taken back.")]


class UndoIn(_In):
    """Whose spam verdict to take back."""

    stranger: MatrixId


class BalanceOne(_Out):
    """What one linked address holds."""

    address: AddressText
    tokens: BaseUnits
    primary: Annotated[bool, Field(description="Fees go to this one.")]


class BalanceOut(_Out):
    """What the person's linked addresses hold, as far as the chain has been read."""

    symbol: str
    decimals: int
    balances: list[BalanceOne]


class ReasonOut(_Out):
    """One reason: a code, and the values that explain it."""

    code: Annotated[str, Field(examples=["asks_stake"])]
    values: dict[str, Any]


class RuleOut(_Out):
    """One rule of your door that was come to: whether it holds for them, and what it lacked to tell."""

    number: int
    name: str
    when: str
    answer: Literal["true", "false", "unknown", "broken"]
    missing: Annotated[list[str], Field(description="Facts that are not known of them.", examples=[["knock.text"]])]


class ReportedOut(_Out):
    """Somebody's report, as far as it is for you."""

    who: MatrixId
    reason: Reason


class WhyOut(_Out):
    """What a knock would meet now, and why."""

    other: MatrixId
    verdict: Literal["admit", "hold", "refuse"]
    because: list[ReasonOut]
    knocks: KnockOut | None
    free: Annotated[list[FreePath], Field(description="Where it is held: ways in that cost nothing.")]
    rule: Annotated[str | None, Field(description="The rule of your door by which it came about, if one did.")]
    rules: Annotated[
        list[RuleOut] | None,
        Field(description="The rules up to that one; null where your door has none, or your own word decides."),
    ]
    vouched_by: Annotated[list[MatrixId], Field(description="Who of those that you know vouches for them, to you.")]
    reported_by: Annotated[list[ReportedOut], Field(description="Who of those that you know reports them, to you.")]


class ShareOut(_Out):
    """One person's part in what is known of somebody."""

    who: MatrixId | None
    percent: Annotated[int, Field(ge=0, le=100)]
    good: bool
    bonded: Annotated[bool, Field(description="They put money behind it, which is burned if somebody is called spam.")]


class ScoreOut(_Out):
    """Two numbers that are never folded into one."""

    reputation: Annotated[float, Field(ge=0, le=1)]
    confidence: Annotated[float, Field(ge=0, le=1, description="0: nothing is known, and the reputation is a guess.")]


class StandingOut(ScoreOut):
    """How somebody stands with you."""

    other: MatrixId
    alone: Annotated[ScoreOut, Field(description="The same where single friends' words are enough (a quorum of 1).")]
    prior: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="What they have before anybody's word: a stranger's, or nearer to a half by a stake.",
        ),
    ]
    quorum: Annotated[int, Field(description="What it was asked with: how many must vouch for whoever is heard.")]
    nobody: Annotated[bool, Field(description="Nobody whom you know knows them.")]
    shares: Annotated[list[ShareOut], Field(description="Whose words it is made of; they add up to 100, or are none.")]
    path: Annotated[list[MatrixId | None], Field(description="From you to whoever has the largest part.")]
    through: Annotated[MatrixId | None, Field(description="The one contact through whom all of it comes.")]


class VouchIn(_In):
    """A word for somebody, good for a year."""

    weight: Annotated[int, Field(ge=LEAST_WEIGHT, le=MOST_WEIGHT, description="1: I know them; 3: I would answer.")] = (
        LEAST_WEIGHT
    )
    audience: Annotated[
        Audience,
        Field(description="Into whose view it enters: of those whom you accepted or vouch for (never the subject's)."),
    ] = Audience.TRUSTED


class VouchOut(_Out):
    """A word that you gave for somebody."""

    subject: MatrixId | None
    weight: int
    audience: Audience
    since: Unix
    until: Unix
    withdrawn_at: Unix | None


class VouchesOut(_Out):
    """For whom you vouch, newest first."""

    vouches: list[VouchOut]


class ReportIn(_In):
    """A word against somebody, good for a year."""

    reason: Reason
    audience: Annotated[
        Audience,
        Field(description="Into whose view it enters: of those whom you accepted or vouch for (never the subject's)."),
    ] = Audience.TRUSTED


class ReportOut(_Out):
    """A word that you gave against somebody."""

    subject: MatrixId | None
    reason: Reason
    audience: Audience
    since: Unix
    until: Unix
    withdrawn_at: Unix | None


class ReportsOut(_Out):
    """Whom you report, newest first."""

    reports: list[ReportOut]


class TokenOut(_Out):
    """A token, without its secret."""

    id: int
    label: str
    scopes: list[str]
    created_at: Unix
    expires_at: Unix


class TokensOut(_Out):
    """All good tokens, oldest first."""

    tokens: list[TokenOut]


class ForgetIn(_In):
    """To be forgotten, repeat your own Matrix id."""

    confirm: Annotated[str, Field(max_length=255, examples=["@alice:example.org"])]

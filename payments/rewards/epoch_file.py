"""The epoch file (pure): all that an epoch's shares were made from, and what came out, for anybody to make anew.

It is one canonical JSON document. Sums are written in base units as text, addresses and roots as lower-case
hexadecimal; servers stand in the order of their names, payees in that of their addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from contracts.merkle import Payouts
from kit.amounts import UINT256_MAX
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, ServerName
from kit.uncollected import uncollected
from payments.rewards.model import Measured
from payments.rewards.schedule import Schedule
from payments.rewards.shares import FORMULA, Counted, Shares, count, give_out

TYPE: Final = "org.earnest.epoch"
FORMAT: Final = 1
LARGEST: Final = 256 * 2**20
"""Bytes of a file."""
MOST_SERVERS: Final = 250_000
MOST_PAYEES: Final = 500_000
LAST_MOMENT: Final = 253_402_300_799
"""The end of the year 9999."""
MOST_WHOLE: Final = 2**53 - 1
"""What canonical JSON has of whole numbers."""
_LONGEST_NAME: Final = 255
_LONGEST_NETWORK: Final = 43


@dataclass(frozen=True, slots=True)
class Terms:
    """Which epoch it is, of which distributor. ``begins`` and ``ends`` are Unix seconds."""

    chain_id: int
    distributor: Address
    epoch: int
    begins: int
    ends: int
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Closed:
    """An epoch with its shares, and the tree of what everybody has earned in all: ``None`` where nobody ever did.

    ``before``: base units that each payee had earned in all when it began.
    """

    terms: Terms
    counted: Sequence[Counted]
    before: Mapping[Address, int]
    budget: int
    shares: Shares
    cumulative: Mapping[Address, int]
    previous_root: Hash32 | None
    payouts: Payouts | None

    @property
    def root(self) -> Hash32 | None:
        """What goes on the chain."""
        return None if self.payouts is None else self.payouts.root

    def shown(self) -> dict[str, Any]:
        """Return it as it is published."""
        terms, schedule = self.terms, self.terms.schedule
        return {
            "type": TYPE,
            "format": FORMAT,
            "formula": FORMULA,
            "chain_id": terms.chain_id,
            "distributor": _hex(terms.distributor),
            "epoch": terms.epoch,
            "begins": terms.begins,
            "ends": terms.ends,
            "schedule": {"first": str(schedule.first), "kept": schedule.kept, "step": schedule.step},
            "budget": str(self.budget),
            "paid": str(self.shares.paid),
            "forfeited": str(self.shares.forfeited),
            "previous_root": _hex(self.previous_root),
            "root": _hex(self.root),
            "servers": [_shown_server(one.measured) for one in self.counted],
            "payees": [
                {
                    "payout": _hex(who),
                    "before": str(self.before.get(who, 0)),
                    "share": str(self.shares.of.get(who, 0)),
                    "cumulative": str(amount),
                }
                for who, amount in self.cumulative.items()
            ],
        }

    @uncollected()
    def encoded(self) -> bytes:
        """Return the bytes that are published: canonical JSON, which for what stands here is what this makes too."""
        return orjson.dumps(self.shown(), option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a file says in some place, and what comes out when it is made anew; ``None`` for nothing at all."""

    where: str
    said: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read: what it says, and the same epoch closed anew from its inputs."""

    said: Mapping[str, Any]
    anew: Closed
    canonical: bool


@uncollected()
def close(terms: Terms, servers: Iterable[Measured], before: Mapping[Address, int]) -> Closed:
    """Close an epoch: the same whoever does it, in whatever order the servers and payees come.

    ``before``: base units that payees have earned in all epochs before; who earned once is never left out, for what is
    unclaimed stays theirs. Raises ``Invalid`` for terms that are none, and for what shares raise it.
    """
    _check(terms)
    budget = terms.schedule.budget(terms.epoch)
    counted = count(sorted(servers, key=lambda one: one.server))
    shares = give_out(budget, counted)
    earlier = {who: before[who] for who in sorted(before) if before[who]}
    everybody = sorted({*earlier, *(who for who, amount in shares.of.items() if amount)})
    cumulative = {who: earlier.get(who, 0) + shares.of.get(who, 0) for who in everybody}
    if sum(cumulative.values()) > UINT256_MAX:
        raise _wrong("its sums are more than there can be")
    then, now = _tree(earlier), _tree(cumulative)
    return Closed(terms, counted, earlier, budget, shares, cumulative, None if then is None else then.root, now)


@uncollected()
def read_file(data: bytes) -> Read:
    """Read an epoch file, and close its epoch anew. Raises ``Invalid`` for what is no file of this format and formula.

    Whatever else is wrong in it ``differences`` tells.
    """
    if len(data) > LARGEST:
        raise _wrong(f"it is larger than {LARGEST // 2**20} MiB")
    try:
        form = _File.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = "/".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _KNOWN)
        raise _wrong(f"{place or 'as a whole'}: {first['msg']}") from None
    if len({one.payout for one in form.payees}) < len(form.payees):
        raise _wrong("a payee stands in it twice")
    schedule = Schedule(int(form.schedule.first), form.schedule.kept, form.schedule.step)
    terms = Terms(form.chain_id, _address(form.distributor), form.epoch, form.begins, form.ends, schedule)
    before = {_address(one.payout): int(one.before) for one in form.payees}
    anew = close(terms, (_measured(one) for one in form.servers), before)
    return Read(form.model_dump(), anew, anew.encoded() == data)


def differences(read: Read) -> Iterator[Difference]:
    """Give each place where a file says something else than what comes out of its own inputs."""
    said, found = read.said, read.anew.shown()
    differs = False
    for name in ("budget", "paid", "forfeited", "previous_root", "root"):
        if said[name] != found[name]:
            differs = True
            yield Difference(name, said[name], found[name])
    theirs, ours = ({one["payout"]: one for one in payees} for payees in (said["payees"], found["payees"]))
    for who in sorted({*theirs, *ours}):
        one, other = theirs.get(who, {}), ours.get(who, {})
        for name in ("share", "cumulative"):
            if one.get(name) != other.get(name):
                differs = True
                yield Difference(f"payees/{who}/{name}", one.get(name), other.get(name))
    if read.anew.terms.epoch == 1 and read.anew.before:
        differs = True
        yield Difference("before", str(sum(read.anew.before.values())), "0")
    if not differs and not read.canonical:
        yield Difference("form", "another order, other blanks, or names that stand in it twice", "canonical JSON")


def since(read: Read, previous: Read) -> Iterator[Difference]:
    """Give each place where a file does not go on where the one before it ended."""
    now, then = read.anew, previous.anew
    expected = {
        "chain_id": (now.terms.chain_id, then.terms.chain_id),
        "distributor": (_hex(now.terms.distributor), _hex(then.terms.distributor)),
        "epoch": (now.terms.epoch, then.terms.epoch + 1),
        "begins": (now.terms.begins, then.terms.ends),
        "schedule": (_schedule(now), _schedule(then)),
    }
    for where, (said, found) in expected.items():
        if said != found:
            yield Difference(where, str(said), str(found))
    for who in sorted({*now.before, *then.cumulative}):
        one, other = now.before.get(who), then.cumulative.get(who)
        if one != other:
            yield Difference(f"payees/{_hex(who)}/before", _text(one), _text(other))


def _tree(sums: Mapping[Address, int]) -> Payouts | None:
    return Payouts.of(sums.items()) if sums else None


def _schedule(closed: Closed) -> str:
    schedule = closed.terms.schedule
    return f"{schedule.first}, {schedule.kept}, {schedule.step}"


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"0x{value.hex()}"


def _shown_server(one: Measured) -> dict[str, Any]:
    return {
        "server": one.server,
        "domain": one.domain,
        "networks": list(one.networks),
        "payout": _hex(one.payout),
        "availability": one.availability,
        "people": one.people,
        "weight": one.weight,
        "withheld": one.withheld,
    }


def _measured(form: _Server) -> Measured:
    return Measured(
        server=ServerName(form.server),
        domain=form.domain,
        networks=tuple(form.networks),
        payout=_address(form.payout),
        availability=form.availability,
        people=form.people,
        weight=form.weight,
        withheld=form.withheld,
    )


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))


def _check(terms: Terms) -> None:
    if not 0 < terms.chain_id <= MOST_WHOLE:
        raise _wrong("its chain is none")
    if not 0 <= terms.begins < terms.ends <= LAST_MOMENT:
        raise _wrong("it ends before it begins")


def _wrong(what: str) -> Invalid:
    return Invalid("epoch_form", f"It is no epoch of ours: {what}.")


def _whole(value: object) -> object:
    if type(value) is not int:  # to Python, true is 1
        raise ValueError("a whole number")
    return value


_Whole = Annotated[int, Field(ge=0, le=MOST_WHOLE)]
_Sum = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,77})$")]
_AddressText = Annotated[str, Field(pattern=r"^0x[0-9a-f]{40}$")]
_Root = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Server(_Form):
    server: Annotated[str, Field(max_length=_LONGEST_NAME)]
    domain: Annotated[str, Field(max_length=_LONGEST_NAME)]
    networks: list[Annotated[str, Field(max_length=_LONGEST_NETWORK)]]
    payout: _AddressText
    availability: _Whole
    people: _Whole
    weight: _Whole
    withheld: bool


class _Payee(_Form):
    payout: _AddressText
    before: _Sum
    share: _Sum
    cumulative: _Sum


class _Schedule(_Form):
    first: _Sum
    kept: _Whole
    step: _Whole


class _File(_Form):
    type: Literal["org.earnest.epoch"]
    format: Annotated[Literal[1], BeforeValidator(_whole)]
    formula: Literal["earnest-shares-1"]
    chain_id: _Whole
    distributor: _AddressText
    epoch: _Whole
    begins: _Whole
    ends: _Whole
    schedule: _Schedule
    budget: _Sum
    paid: _Sum
    forfeited: _Sum
    previous_root: _Root | None
    root: _Root | None
    servers: Annotated[list[_Server], Field(max_length=MOST_SERVERS)]
    payees: Annotated[list[_Payee], Field(max_length=MOST_PAYEES)]


_KNOWN: Final = frozenset(name for form in (_File, _Server, _Payee, _Schedule) for name in form.model_fields)

"""The decision (pure, total): a knock, a door and the facts give one verdict, always with its reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from kit.identifiers import UserId, server_of
from payments.stakes.model import Price
from reputation import pricing
from reputation.conditions.facts import DOOR_FACTS
from reputation.conditions.model import Record
from reputation.model import RETRY_WINDOW, ContactWhy, Door, DoorMode, Facts, Grant, Knock
from reputation.policy import Admitting, Holding, Refusing
from reputation.policy_doors import NOTHING_KNOWN
from reputation.policy_rules import Policy, judge
from reputation.pricing import Caps
from reputation.verdict import Admit, Code, FreePath, Hold, Reason, Refuse, Verdict


def decide(knock: Knock, door: Door, facts: Facts, record: Record = NOTHING_KNOWN) -> Verdict:
    """Return what becomes of a knock at a door; the order is that of ``_in_order``.

    ``record`` holds what is known of ``conditions.facts.DOOR_FACTS``; only a door with rules looks at it.
    """
    if door.policy is not None:
        return decide_by(knock, door.policy, facts, record)
    return _in_order(knock, facts, lambda: _by_mode(door))


def decide_by(knock: Knock, policy: Policy, facts: Facts, record: Record) -> Verdict:
    """Return what becomes of a knock by these rules; the order is that of ``_in_order``."""
    return _in_order(knock, facts, lambda: _by_rules(policy, record))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a door asks of a stranger instead of a verdict: a price, a free path, or both."""

    price: Price
    caps: Caps
    free: tuple[FreePath, ...] = ()
    vouched: bool = False
    """Whether one of the free paths is open already: somebody gave their word."""
    by_rule: tuple[Reason, ...] = ()


def _in_order(knock: Knock, facts: Facts, door: Callable[[], Verdict | _Asked]) -> Verdict:
    """Return what becomes of a knock. The first of these that applies, in this order, decides:

    0. who says so: another server in the name of this tenant's own people — refused;
    1. whose business it is: our bot's, another server's, a leaving tenant's, one's own — admitted;
    2. what the recipient said of this very person: spam — refused; exempt, invited first, accepted, known before —
       admitted. No rule keeps out whom they let in, or lets in whom they called spam;
    3. what the door says to every stranger, or the first of its rules that holds to this one: admit — admitted;
       refuse — refused; hold — on to the fourth step, with the price that it names;
    4. whether it is the stranger at all: else no rule lets them in for who they are, their stake is not used, and they
       are not asked for one — refused;
    5. a contact's word, where that is a free path and somebody gave theirs — admitted;
    6. what the stranger put down: a confirmed grant admits one pending invite, and its repetitions;
    7. where only a free path is asked: that — held; the rest is about stakes;
    8. what they put down before and nobody answered: the pair is barred for a while — refused;
    9. how many strangers wait at the door already: it is full — refused;
    10. else the price: the door's own, raised by what is unanswered here and of this stranger; one that they were told
        within the last day stands, unless it has more than doubled since.
    """  # noqa: D400, D415 - the list below belongs to the sentence
    if forged(knock) and not facts.leaving:
        return _refuse(Code.FORGED)
    said = _not_ours_to_judge(knock, facts) or _known(facts) or door()
    if not knock.proven and (isinstance(said, _Asked) or said.because[0].code is Code.BY_RULE):
        return said if isinstance(said, Refuse) else _refuse(Code.UNPROVEN)
    if not isinstance(said, _Asked):
        return said
    if said.vouched:
        return _admit(Code.VOUCHED)
    return _paid(knock, facts) or _only_free(said) or _barred(facts) or _full(said.caps, facts) or _hold(said, facts)


def _by_mode(door: Door) -> Verdict | _Asked:
    if door.mode in (DoorMode.CLOSED, DoorMode.RULES):  # rules that were not read let no stranger in
        return _refuse(Code.DOOR_CLOSED)
    # A door that asks for nothing is open: the escrow holds no stake of nothing.
    if door.mode is DoorMode.OPEN or not (door.stake or door.fee):
        return _admit(Code.DOOR_OPEN)
    return _Asked(door.price, door.caps)


def _by_rules(policy: Policy, record: Record) -> Verdict | _Asked:
    ruling = judge(policy, record)
    by_rule = () if ruling.number is None else (Reason(Code.BY_RULE, {"number": ruling.number, "rule": ruling.name}),)
    match ruling.action:
        case Admitting():
            return Admit(by_rule or (Reason(Code.DOOR_OPEN),))
        case Refusing():
            return Refuse(by_rule or (Reason(Code.DOOR_CLOSED),))
        case Holding() as action:
            limits = policy.document.limits
            vouched = FreePath.VOUCH in action.free and bool(record[_VOUCHES])
            return _Asked(action.price, Caps(limits.at_once, limits.a_day), action.free, vouched, by_rule)
    assert_never(ruling.action)


_VOUCHES = DOOR_FACTS.places["sender.vouches"]


def may_pass_unread(knock: Knock) -> bool:
    """Tell whether a knock may be let through though nothing could be looked up; not one that may be a lie."""
    return knock.proven and not forged(knock)


def teaches(knock: Knock, bot: UserId | None) -> bool:
    """Tell whether a knock says that its inviter knows its invitee; a tenant that stays is believed of its own people.

    Its own people's invites do not come from other servers, whatever one of those says.
    """
    own = not knock.federated and server_of(knock.inviter) == knock.tenant_server
    return own and knock.inviter != knock.invitee and bot not in (knock.inviter, knock.invitee)


def grant_for(knock: Knock, facts: Facts) -> Grant | None:
    """Return the grant that admits this knock as a new pending invite, if one does."""
    usable = [grant for grant in _live(facts) if grant.confirmed]
    if any(_same_knock(knock, grant) for grant in usable):
        return None
    return next((grant for grant in usable if grant.pending_room is None), None)


def _live(facts: Facts) -> list[Grant]:
    return [grant for grant in facts.grants if facts.chain_time < grant.closes_at]


def forged(knock: Knock) -> bool:
    """Tell whether another server speaks in the name of the tenant's own people."""
    # A homeserver asks about other servers' invites before it has compared the sender with the server that sent it.
    return knock.federated and server_of(knock.inviter) == knock.tenant_server


def _not_ours_to_judge(knock: Knock, facts: Facts) -> Verdict | None:
    if facts.bot is not None and facts.bot in (knock.inviter, knock.invitee):
        return _admit(Code.OWN_BOT)
    if server_of(knock.invitee) != knock.tenant_server:
        return _admit(Code.NOT_OURS)
    if facts.leaving:
        return _admit(Code.LEAVING)
    if knock.inviter == knock.invitee:
        return _admit(Code.SELF)
    return None


def _known(facts: Facts) -> Verdict | None:
    if facts.called_spam:
        return _refuse(Code.CALLED_SPAM)
    if facts.exempt:
        return _admit(Code.EXEMPT)
    if facts.contact is ContactWhy.INVITED:
        return _admit(Code.CONTACTED_FIRST)
    if facts.contact is ContactWhy.ACCEPTED:
        return _admit(Code.ACCEPTED_BEFORE)
    if facts.contact is ContactWhy.IMPORTED:
        return _admit(Code.KNOWN_BEFORE)
    return None


def _paid(knock: Knock, facts: Facts) -> Verdict | None:
    live = _live(facts)
    if any(grant.confirmed and _same_knock(knock, grant) for grant in live):
        return _admit(Code.SAME_KNOCK)
    if grant_for(knock, facts) is not None:
        return _admit(Code.STAKED)
    if not all(grant.confirmed for grant in live):
        return _refuse(Code.STAKE_UNCONFIRMED)
    if live:
        return _refuse(Code.INVITE_PENDING, answer_by=min(grant.closes_at for grant in live))
    return None


def _same_knock(knock: Knock, grant: Grant) -> bool:
    if grant.pending_room != knock.room or grant.pending_since is None:
        return False
    # Two processes' clocks may differ a little, so a knock may seem to come before its own first call.
    return abs(knock.at - grant.pending_since) <= RETRY_WINDOW


def _barred(facts: Facts) -> Verdict | None:
    until = pricing.barred_until(facts.lapsed)
    return _refuse(Code.BARRED, until=until) if until is not None and facts.chain_time < until else None


def _only_free(asked: _Asked) -> Verdict | None:
    if asked.price.stake or asked.price.fee:
        return None
    return Hold(asked.price, (Reason(Code.ASKS_FREE), *asked.by_rule), asked.free)


def _full(caps: Caps, facts: Facts) -> Verdict | None:
    if not pricing.is_full(caps, facts.pressure):
        return None
    return _refuse(Code.DOOR_FULL, until=pricing.free_at(facts.pressure, facts.chain_time))


def _hold(asked: _Asked, facts: Facts) -> Hold:
    price = pricing.price_for(asked.price, facts.pressure)
    if facts.quoted is not None and facts.quoted.own == asked.price and pricing.still_stands(facts.quoted, price):
        price = facts.quoted
    values = {"stake": str(price.stake.base_units), "fee": str(price.fee.base_units)}
    if price.base is not None:
        values["base"] = str(price.base.base_units)
    raised = tuple(Reason(Code(f"dearer_{why}")) for why in price.dearer)
    return Hold(price, (Reason(Code.ASKS_STAKE, values), *raised, *asked.by_rule), asked.free)


def _admit(code: Code) -> Admit:
    return Admit((Reason(code),))


def _refuse(code: Code, **values: object) -> Refuse:
    return Refuse((Reason(code, values),))

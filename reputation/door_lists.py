"""Lists at a person's own door (pure): a subscription is a rule of the door that is written for them, and no more.

So its preview, its explanation, its versions and its undoing are those of doors. A rule that somebody changed by hand
is theirs, and no subscription any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from kit.amounts import Amount
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import parse_server_name, parse_user_id
from reputation.conditions.model import LONGEST_CONDITION
from reputation.policy import MOST_RULES, Action, DoorDocument, Holding, Refusing, Rule
from reputation.policy_presets import quoted
from reputation.pricing import DEFAULT_STAKE

MOST_EXCEPTED: Final = 20
"""People and servers of whom one subscription does not speak."""
_PREFIX: Final = "list "
_BECAUSE: Final = "written by your subscription to this list"
_NEVER: Final = " && false"
"""What is only told decides nothing."""
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_WHEN: Final = re.compile(
    rf'"(?P<name>[a-z][a-z0-9_-]{{0,52}})" in sender\.labels'
    rf"(?: && !\(sender\.id in \[(?P<users>{_QUOTED}(?:, {_QUOTED})*)\]\))?"
    rf"(?: && !\(sender\.server in \[(?P<servers>{_QUOTED}(?:, {_QUOTED})*)\]\))?"
    rf"(?P<never>{_NEVER})?"
)


class Does(StrEnum):
    """What a list does at a door with whoever it bans."""

    REFUSE = "refuse"
    HOLD = "hold"
    NOTIFY = "notify"
    """Nothing: ``why`` tells that it speaks of them."""


@dataclass(frozen=True, slots=True)
class AtDoor:
    """A subscription: the list's name, what it does, for which price it holds, and of whom it does not speak here."""

    name: str
    does: Does
    price: Holding | None = None
    excepted: tuple[str, ...] = ()

    @property
    def when(self) -> str:
        """The condition of its rule."""
        users = [one for one in self.excepted if one.startswith("@")]
        servers = [one for one in self.excepted if not one.startswith("@")]
        when = f"{quoted(self.name)} in sender.labels"
        for fact, names in (("sender.id", users), ("sender.server", servers)):
            when += f" && !({fact} in [{', '.join(map(quoted, names))}])" if names else ""
        return when + (_NEVER if self.does is Does.NOTIFY else "")

    @property
    def rule(self) -> Rule:
        """The rule that it is."""
        then = (self.price or Holding(stake=DEFAULT_STAKE)) if self.does is Does.HOLD else Refusing()
        return Rule(name=_PREFIX + self.name, when=self.when, then=then, because=_BECAUSE)


def holding(stake: Amount) -> Holding:
    """Return what a list holds for. Raises ``Invalid`` for nothing, and for more than the escrow can hold."""
    try:
        return Holding(stake=stake)
    except ValueError:
        raise Invalid("stake_out_of_range", "A stake is more than nothing, and no more than there can be.") from None


def lists_at(document: DoorDocument) -> list[AtDoor]:
    """Return the subscriptions of a door, in the order of their rules."""
    return [one for rule in document.rules if (one := _read(rule)) is not None]


def find(document: DoorDocument, name: str) -> AtDoor:
    """Return the subscription to a list. Raises ``NotFound``."""
    found = next((one for one in lists_at(document) if one.name == name), None)
    if found is None:
        raise NotFound("not_subscribed", f"Your door does not ask the list {name}.", name=name)
    return found


def subscribed(document: DoorDocument, one: AtDoor) -> DoorDocument:
    """Return the door with a subscription, in the place of an earlier one to the same list if there is one.

    Raises ``Conflict`` where a rule of the owner's own has its name, or there are too many rules; ``Invalid`` where it
    would let somebody in for a price whom the door does not let in at all, or for less than it asks of everybody.
    """
    rule = one.rule
    rest = [each for each in document.rules if each.name != rule.name]
    own = next((each for each in document.rules if each.name == rule.name), None)
    if own is not None and _read(own) is None:
        raise Conflict("rule_own", f"Your door has a rule of your own of the name {rule.name}; take it out first.")
    if len(rest) >= MOST_RULES:
        raise Conflict("rules_full", f"A door has {MOST_RULES} rules at most.", most=MOST_RULES)
    before = None if own is None else _read(own)
    if own is not None and before is not None and (before.does is Does.HOLD) is (one.does is Does.HOLD):
        place = document.rules.index(own)
    else:
        place = 0
    if isinstance(rule.then, Holding) and (own is None or own.then != rule.then):
        _harder_than_none(document.otherwise, rule.then)
        place = max(place, _behind_harder(rest, rule.then))
    return document.model_copy(update={"rules": (*rest[:place], rule, *rest[place:])})


def left(document: DoorDocument, name: str) -> DoorDocument:
    """Return the door without a subscription, all else as it is. Raises ``NotFound``."""
    rule = find(document, name).rule
    return document.model_copy(update={"rules": tuple(each for each in document.rules if each.name != rule.name)})


def but(one: AtDoor, whom: str) -> AtDoor:
    """Return a subscription that does not speak of a person or a server. Raises ``Invalid``, also for too many."""
    name = str(parse_user_id(whom) if whom.startswith("@") else parse_server_name(whom))
    made = replace(one, excepted=tuple(dict.fromkeys((*one.excepted, name))))
    if len(made.excepted) > MOST_EXCEPTED or len(made.when) > LONGEST_CONDITION:
        raise Invalid("excepted_full", "So many exceptions from one list are more than a rule holds.")
    return made


def not_but(one: AtDoor, whom: str) -> AtDoor:
    """Return a subscription that speaks of a person or a server again."""
    return replace(one, excepted=tuple(each for each in one.excepted if each != whom))


def _harder_than_none(otherwise: Action, hold: Holding) -> None:
    """Raise ``Invalid`` where whoever a list speaks of would come in for less than anybody of whom nothing is known."""
    if isinstance(otherwise, Refusing):
        raise Invalid("list_softens", "Your door lets no stranger in: to hold those of a list would let them knock.")
    if _is_harder(otherwise, hold):
        raise Invalid(
            "list_cheapens",
            "Your door asks more of every stranger: to hold those of a list for less would let them in cheaper. "
            "Name a higher stake, or refuse them.",
        )


def _behind_harder(rules: Sequence[Rule], hold: Holding) -> int:
    """Return behind how many rules a hold stands: it must let nobody past those that refuse or ask more."""
    return max((place for place, rule in enumerate(rules, 1) if _is_harder(rule.then, hold)), default=0)


def _is_harder(action: Action, hold: Holding) -> bool:
    if isinstance(action, Holding):
        return action.stake + action.fee > hold.stake + hold.fee
    return isinstance(action, Refusing)


def _read(rule: Rule) -> AtDoor | None:
    found = _WHEN.fullmatch(rule.when)
    if found is None:
        return None
    try:
        excepted = tuple(str(each) for part in ("users", "servers") for each in json.loads(f"[{found[part] or ''}]"))
    except ValueError:
        return None
    holds = isinstance(rule.then, Holding)
    does = Does.HOLD if holds else Does.NOTIFY if found["never"] else Does.REFUSE
    one = AtDoor(found["name"], does, rule.then if isinstance(rule.then, Holding) else None, excepted)
    return one if one.rule == rule else None

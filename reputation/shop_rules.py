"""The shop's rules in force (pure): what the operator lets nobody sell, asked of a listing's facts, with the rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from kit.errors import Conflict, Invalid, NotFound
from reputation.conditions.facts import record
from reputation.conditions.model import INT, MOMENT, TEXT, TEXTS, Fact, Schema
from reputation.policy import Keeping, ShopDocument, ShopRule
from reputation.policy_rules import FOUND, RulesRead, check_patterns, conditions_of, malformed, parsed

SHOP_FACTS: Final = Schema(
    (
        Fact("seller.id", TEXT),
        Fact("seller.server", TEXT),
        Fact("seller.labels", TEXTS),
        Fact("seller.first_seen", MOMENT),
        Fact("listing.kind", TEXT),
        Fact("listing.title", TEXT),
        Fact("listing.preview", TEXT),
        Fact("listing.licence", TEXT),
        Fact("listing.media_type", TEXT),
        Fact("listing.file_name", TEXT),
        Fact("listing.size", INT),
        Fact("listing.sold", INT),
        Fact("listing.complaints", INT),
        Fact("room.id", TEXT),
        Fact("room.labels", TEXTS),
        Fact("text.found", TEXTS),
        Fact("time.now", MOMENT),
    )
)
"""What the shop's rules may ask about; docs/selling.md says what each means."""
LABELS: Final = frozenset({"seller.labels", "room.labels"})
EMPTY: Final = ShopDocument()
_LIST: Final = "list "


class ShopRules(RulesRead[ShopDocument]):
    """The shop's rules that were read."""

    def decide(self, known: Mapping[str, object]) -> ShopRule | None:
        """Return the first rule that holds; one of which that cannot be said decides nothing."""
        told = dict(known)
        if FOUND in self.facts:
            texts = (told.get(f"listing.{name}") for name in ("title", "preview", "licence", "file_name"))
            told[FOUND] = self.finder.found("\n".join(text for text in texts if isinstance(text, str)))
        facts = record(SHOP_FACTS, told)
        pairs = zip(self.document.rules, self.conditions, strict=True)
        return next((rule for rule, condition in pairs if condition.ask(facts) is True), None)


def rules_of(document: ShopDocument) -> ShopRules:
    """Read the conditions and patterns of a document. Raises ``Invalid``."""
    check_patterns(document.patterns)
    return ShopRules(document, conditions_of(document.rules, SHOP_FACTS, document.patterns))


def read_rules(text: str) -> ShopRules:
    """Read a document. Raises ``Invalid`` that says where the mistake is."""
    found = parsed(text)
    if found.get("kind") != "shop":
        raise Invalid("document_no_shop", 'What is wanted says "kind": "shop".', where="kind")
    try:
        return rules_of(ShopDocument.model_validate(found))
    except ValidationError as error:
        malformed(error)
    except RecursionError:
        raise Invalid("document_malformed", "This document is nested too deeply.", where="") from None


def with_list(document: ShopDocument, name: str, do: Keeping) -> ShopDocument:
    """Return the rules with one that asks a followed list of sellers, their servers and rooms. Raises ``Conflict``."""
    if any(rule.name == f"{_LIST}{name}" for rule in document.rules):
        raise Conflict("shop_list_known", f"The rules ask {name} already.")
    when = f"'{name}' in seller.labels || '{name}' in room.labels"
    rule = ShopRule(name=f"{_LIST}{name}", when=when, then=do, tell=f"The list {name} speaks of you, or of the room.")
    return document.model_copy(update={"rules": (*document.rules, rule)})


def without_list(document: ShopDocument, name: str) -> ShopDocument:
    """Return the rules without the one that asks a list. Raises ``NotFound``."""
    rules = tuple(rule for rule in document.rules if rule.name != f"{_LIST}{name}")
    if len(rules) == len(document.rules):
        raise NotFound("shop_list_unknown", f"The rules do not ask {name}.")
    return document.model_copy(update={"rules": rules})

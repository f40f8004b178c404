"""The starter rules on real messages: wrong about honest ones hardly ever, and worth having."""

from __future__ import annotations

import pytest

from reputation.conditions.facts import FILTER_FACTS, record
from reputation.filters.starter import STARTER
from reputation.policy_rules import Finder, Screen, attach, in_force
from tests.architecture.sources import ROOT

MESSAGES = ROOT.parent / "shared" / "data" / "sms.tsv"
HIGHEST_FALSE_POSITIVES = 0.005
LEAST_FOUND = 0.5


@pytest.mark.skipif(not MESSAGES.is_file(), reason="the SMS Spam Collection (sms.tsv) is not on this machine")
def test_starter_rules_are_hardly_ever_wrong_and_find_half_of_the_spam() -> None:
    screen = in_force(STARTER)
    assert isinstance(screen, Screen)
    finder = Finder(STARTER.patterns)
    counted = {"ham": [0, 0], "spam": [0, 0]}
    for line in MESSAGES.read_text(encoding="utf-8").splitlines():
        kind, _, text = line.partition("\t")
        facts = record(FILTER_FACTS, {"message.text": text, "text.found": finder.found(text)})
        counted[kind][0] += 1
        counted[kind][1] += bool(attach(screen, facts))
    (ham, wrong), (spam, found) = counted["ham"], counted["spam"]
    assert wrong / ham <= HIGHEST_FALSE_POSITIVES, f"{wrong} of {ham} honest messages"
    assert found / spam >= LEAST_FOUND, f"{found} of {spam} spam messages"

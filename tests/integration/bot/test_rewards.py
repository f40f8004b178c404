"""``rewards`` by the bot: what a homeserver earned and why, and what it would have."""

from __future__ import annotations

from kit.clock import from_unix
from kit.identifiers import show_address
from payments.rewards.closing import Span
from tests.support.desk import Bot, Desk
from tests.support.epochs import SERVERS, closed
from tests.support.measured import payee


def keep(desk: Desk) -> None:
    """Two closed epochs."""
    first = closed()
    for epoch in (first, closed(2, SERVERS, first.cumulative)):
        terms = epoch.terms
        with desk.work() as work:
            work.epochs.keep(Span(terms.epoch, from_unix(terms.begins), from_unix(terms.ends)), epoch)


def test_each_epoch_is_told_with_why(bot: Bot, desk: Desk) -> None:
    assert "was measured in no epoch" in bot.says("rewards matrix1.s1.example")
    keep(desk)
    said = bot.says("rewards matrix1.s1.example")
    assert said.index("epoch 2:") < said.index("epoch 1:")
    assert "people: 10-14" in said
    assert f"{show_address(payee(1))} earned" in said
    assert "/v1/rewards/servers/matrix1.s1.example" in said
    assert "it was away at times" in bot.says("rewards matrix2.s2.example")
    assert "so large that more people count for less" in bot.says("rewards matrix2.s2.example")
    assert "nobody got its share" in bot.says("rewards matrix4.s4.example")
    assert "less than 90 % of the looks" in bot.says("rewards matrix5.s5.example")


def test_an_estimate_needs_no_enrolment(bot: Bot, desk: Desk) -> None:
    assert "No epoch of rewards is closed yet" in bot.says("rewards estimate new.example 40")
    keep(desk)
    said = bot.says("rewards estimate new.example 40")
    assert "used by 40 people a day" in said
    assert "epoch 2:" in said
    assert "can claim at the earliest" in said
    assert "used by 1 people" in bot.says("rewards estimate new.example")


def test_what_is_written_otherwise_is_said(bot: Bot) -> None:
    for words in ("", " estimate new.example -1", " estimate new.example 1 2", " a.example b.example"):
        assert "Write it like this" in bot.says(f"rewards{words}"), words
    assert "Write it like this" in bot.says("rewards estimate new.example 123456789")
    assert "new.example" not in bot.says("rewards new.example/<b>")

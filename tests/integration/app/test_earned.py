"""What a server earned and why, in a real database, told by HTTP, by the command line and by the bot."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from app import epochs
from app.container import Container
from cli.main import main
from contracts.merkle import payout_leaf, proves
from kit.clock import from_unix
from kit.database import Database
from kit.errors import Unavailable
from kit.identifiers import Address, ServerName, parse_hash, show_address
from payments.rewards import epoch_file
from payments.rewards.closing import LENGTH, Span
from payments.rewards.history import Because
from tests.integration.app.test_epochs import BEGAN, DISTRIBUTOR, FIRST, POOL, enrols, knows, measures
from tests.support.epochs import closed
from tests.support.measured import measured
from tests.support.services import Clock, a_container, http_door

ONE, TWO, THREE = (ServerName(f"s{number}.example") for number in (1, 2, 3))
PAYEE = show_address(Address(b"\x01" * 20))


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGAN - timedelta(days=100))


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(
        tmp_path,
        database,
        clock=clock,
        rewards_from=FIRST,
        rewards_pool=POOL,
        rewards_distributor=show_address(DISTRIBUTOR),
    )


@pytest.fixture
def secret(container: Container, clock: Clock) -> str:
    """Two epochs of three servers: one as it should be, one often away, one that nobody uses."""
    secrets = {number: enrols(container, number) for number in (1, 2, 3)}
    knows(container, 1, 4)
    for begins in (BEGAN, BEGAN + LENGTH):
        for number, people, away in ((1, 90, 20), (2, 90, 100), (3, 0, 0)):
            measures(container, number, secrets[number], since=begins, people=people, away=away, every=12)
        clock.now = begins + LENGTH + timedelta(hours=1)
        assert epochs.close(container) is not None
    return secrets[1]


def test_each_epoch_says_what_a_server_got_and_why(container: Container, secret: str) -> None:
    del secret
    with container.read() as work:
        one, two, three = (epochs.history(work, server) for server in (ONE, TWO, THREE))
        nobody = epochs.history(work, ServerName("s9.example"))
        known = work.epochs.all()
    assert [part.epoch for part in one.parts] == [2, 1]
    assert [part.amount for part in one.parts] == [epoch.paid for epoch in known], "nobody else counted"
    assert one.parts[0].because == (Because.AT_TIMES_AWAY,)
    assert {part.because for part in two.parts} == {(Because.AWAY,)}
    assert {part.because for part in three.parts} == {(Because.UNUSED,)}
    assert one.proof is not None
    assert one.proof.cumulative == sum(epoch.paid for epoch in known)
    assert (one.proof_of, one.proof.root) == (2, known[0].root)
    assert (nobody.parts, nobody.proof, two.proof) == ((), None, None)


def test_who_left_claims_by_the_newest_file(container: Container, secret: str) -> None:
    del secret
    with container.work() as work:
        number = work.epochs.all()[0].number + 1
        before = epoch_file.read_file(work.epochs.file(number - 1)).anew
        later = closed(number, [measured(7, people=50)], before.cumulative)
        work.epochs.keep(Span(number, from_unix(later.terms.begins), from_unix(later.terms.ends)), later)
        found = epochs.history(work, ONE)
    assert [part.epoch for part in found.parts] == [2, 1], "it was measured no more"
    assert found.proof is not None
    assert (found.proof_of, found.proof.root) == (number, later.root)


def test_the_operator_is_told_by_the_secret_address_how_the_present_epoch_stands(
    container: Container, secret: str, clock: Clock
) -> None:
    begins = BEGAN + 2 * LENGTH
    measures(container, 1, secret, since=begins, people=90, days=10, every=12)
    clock.now = begins + timedelta(days=9, hours=23)
    with http_door(container) as door:
        public = door.get(f"/v1/rewards/servers/{ONE}").json()
        told = door.get(f"/v1/rewards/reports/{secret}/earned").json()
        assert door.get(f"/v1/rewards/reports/{secret}x/earned").status_code == 404
        assert door.get("/v1/rewards/servers/not%20a%20name").status_code == 400
        assert door.get(f"/v1/rewards/servers/{'x' * 300}").status_code == 400
        assert door.get("/v1/rewards/servers/s9.example").json()["epochs"] == []
    going_on = told.pop("next")
    assert told == public
    assert (going_on["epoch"], going_on["people_from"], going_on["share"]) == (3, 90, going_on["budget"])
    newest = public["epochs"][0]
    assert (newest["because"], newest["payout"], newest["people_from"]) == (["at_times_away"], PAYEE, 90)
    claim = public["claim"]
    proof = [parse_hash(one) for one in claim["proof"]]
    assert proves(parse_hash(claim["root"]), payout_leaf(Address(b"\x01" * 20), int(claim["cumulative"])), proof)
    assert (claim["epoch"], claim["distributor"]) == (2, show_address(DISTRIBUTOR))
    assert (claim["root_state"], claim["had"], claim["due"]) == (None, "0", claim["cumulative"])


def test_the_terminal_says_the_same(container: Container, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del secret
    monkeypatch.setattr("cli.earning.container_of", lambda _: container)
    printed = CliRunner().invoke(main, ["rewards", "history", ONE])
    assert printed.exit_code == 0, printed.output
    assert "epoch 2, until" in printed.output
    assert "it was away at times" in printed.output
    assert f"earnest rewards claim epoch-2.json {PAYEE}" in printed.output
    told = json.loads(CliRunner().invoke(main, ["rewards", "history", TWO, "--json"]).output)
    assert ([one["because"] for one in told["epochs"]], told["claim"]) == ([["away"], ["away"]], None)
    assert "measured in no epoch" in CliRunner().invoke(main, ["rewards", "history", "s9.example"]).output


def test_an_estimate_needs_no_enrolment(container: Container, secret: str) -> None:
    del secret
    with container.read() as work:
        small = epochs.estimate_unseen(work, ServerName("new.example"), people=3)
        large = epochs.estimate_unseen(work, ServerName("new.example"), people=90)
        known = work.epochs.all()
    assert small is not None
    assert large is not None
    for epoch, lesser, greater in zip(known, small.epochs, large.epochs, strict=True):
        assert 0 < lesser[1] < greater[1] < epoch.budget
    with http_door(container) as door:
        assert door.get("/v1/rewards/estimate?server=new.example&people=-1").status_code == 400
        answer = door.get("/v1/rewards/estimate?server=new.invalid&people=3")
        assert answer.status_code == 503, "it is asked, so that nobody is told of what does not stand"
        answers = [door.get("/v1/rewards/estimate?server=x&people=-1").status_code for _ in range(8)]
    assert answers[-1] == 429


def test_of_two_who_ask_at_once_one_comes_again(container: Container, secret: str) -> None:
    del secret
    with epochs.reading(), container.read() as work:
        assert epochs.history(work, ONE).parts, "closing has noted where everybody stands"
    with container.work() as work:
        work.finding.drop(before=3)
    with epochs.reading(), container.read() as work, pytest.raises(Unavailable):
        epochs.history(work, ONE)
    with container.read() as work:
        assert epochs.history(work, ONE).parts, "and the next is served"

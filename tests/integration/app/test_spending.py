"""What keys spend: a key at its limit is said everywhere, keeps the other from nothing, and goes on by itself."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from app import spending
from app.chain_loop import ChainLoop
from app.container import RELAYER, RESOLVER
from cli import gas
from cli.main import main
from contracts import codec
from kit.identifiers import UserId
from payments.carrying.model import RelayLimits
from payments.stakes.model import Answer
from tests.support.carried import Carried, code_of, stake_in
from tests.support.services import PASSWORD

CAROL = UserId("@carol:far.example")


def earnest(carried: Carried, *words: str) -> Result:
    """Run the real command on this service."""
    settings = carried.container.settings
    environment = {
        "EARNEST_DATA": str(settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_RPC_URL": settings.rpc_url,
        "EARNEST_RESOLVER_PER_DAY": str(settings.resolver_per_day),
        "EARNEST_DATABASE_URL": carried.container.database.engine.url.render_as_string(hide_password=False),
    }
    return CliRunner().invoke(main, list(words), env=environment)


def test_a_key_at_its_limit_is_said_everywhere_and_goes_on_by_itself(carried: Carried) -> None:
    carried.container.settings.resolver_per_day = 0
    quote = carried.held()
    terms = carried.terms(quote)
    stake_in(carried.open(quote))
    carried.settle()
    assert carried.on_chain(terms) is codec.State.OPEN, "the other key is not at its limit"
    carried.answer(Answer.RETURN)
    with capture_logs() as logs:
        carried.settle()
    assert carried.on_chain(terms) is codec.State.OPEN
    told = [line for line in logs if line["event"] == "daily_limit_reached"]
    assert len(told) == 1, "however often it is found"
    assert (told[0]["role"], told[0]["reason"]) == (RESOLVER, "0 of 0 transactions are sent")
    health = carried.door.get("/health/ready").json()
    assert health["status"] == "degraded"
    assert "1 calls wait" in health["checks"]["sending"]["says"]
    assert "EARNEST_RESOLVER_PER_DAY" in health["checks"]["sending"]["says"]
    assert spending.look(carried.container).ok is False
    metrics = carried.door.get("/metrics").text
    assert 'earnest_key_calls_held{role="resolver"} 1.0' in metrics
    assert 'earnest_key_calls_held{role="relayer"} 0.0' in metrics
    assert 'earnest_key_transactions{role="relayer"} 1.0' in metrics
    says, mend, wrong = gas.look(carried.container)
    assert ("1 calls wait" in says, bool(mend), wrong) == (True, True, False)
    shown = {one["role"]: one for one in json.loads(earnest(carried, "keys", "sent", "--json").output.splitlines()[-1])}
    assert (shown[RESOLVER]["calls_held"], shown[RESOLVER]["most_transactions"]) == (1, 0)
    assert shown[RELAYER]["transactions"] == 1
    assert int(shown[RELAYER]["gas_wei"]) > 0
    assert "0 of 0 transactions" in earnest(carried, "keys", "sent").output
    carried.container.settings.resolver_per_day = 1
    carried.settle()
    assert carried.on_chain(terms) is codec.State.RETURNED
    assert carried.door.get("/health/ready").json()["checks"]["sending"]["ok"]
    assert spending.look(carried.container).ok


def test_a_restart_forgets_nothing_of_what_was_sent(carried: Carried) -> None:
    carried.container.settings.resolver_per_day = 1
    first, second = carried.held(), carried.held(CAROL)
    carols = carried.pauper("carol")
    stake_in(carried.open(first))
    stake_in(carried.open(second, carols))
    carried.settle()
    carried.answer(Answer.RETURN)
    carried.settle()
    carried.loop = ChainLoop(carried.container)
    with carried.container.work() as work:
        for stake in (carried.stake_id(carried.terms(second, carols)),):
            work.stakes.request_return(stake, answered=True)
    carried.settle()
    states = [carried.on_chain(carried.terms(first)), carried.on_chain(carried.terms(second, carols))]
    assert states == [codec.State.RETURNED, codec.State.OPEN]
    carried.anvil.travel(24 * 3600)
    carried.settle()
    assert carried.on_chain(carried.terms(second, carols)) is codec.State.RETURNED


def test_no_more_openings_are_taken_on_than_the_relayer_may_send(carried: Carried) -> None:
    carried.container.__dict__["relay_limits"] = RelayLimits(3, 50_000_000, together=1)
    stake_in(carried.open(carried.held()))
    quote = carried.held(CAROL)
    assert code_of(carried.open(quote, carried.pauper("carol"))) == (409, "gasless_budget_empty")


def test_the_relayers_key_sends_no_more_than_the_budget_for_openings(carried: Carried) -> None:
    """The budget was lowered after an opening was taken on: it waits, and goes once there is room again."""
    stake_in(carried.open(carried.held()))
    terms = carried.terms(carried.held())
    carried.container.__dict__["relay_limits"] = RelayLimits(3, 1)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.NONE
    assert not spending.look(carried.container).ok
    carried.container.__dict__["relay_limits"] = RelayLimits(3, 50_000_000)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.OPEN

"""What `earnest doctor` says of sales: each thing that stands in their way, alone, with how to mend it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import update

from cli import sales
from contracts.deployment import write_deployment
from ledger.tables import ContractReadRow
from tests.support.fair import Fair
from tests.support.services import listening


def again(fair: Fair) -> tuple[str, str, bool]:
    """Look as a process that has just started does."""
    for known in ("deployment", "deployment_place", "gifts_arrive", "relay_limits"):
        fair.container.__dict__.pop(known, None)
    return sales.look(fair.container)


def test_what_stands_in_the_way_of_sales(fair: Fair) -> None:
    container, settings = fair.container, fair.container.settings
    assert again(fair)[0].startswith("Nothing is sold here. It can be paid by the contract")
    fair.put_up()
    fair.put_up()
    settings.facilitator_budget = "0.01"
    assert again(fair) == ("2 things for sale. It can be paid by the contract and by x402.", "", False)
    settings.facilitator_budget = "0"
    assert again(fair) == ("2 things for sale. It can be paid by the contract.", "", False)

    with container.database.write() as session:
        kept = session.get_one(ContractReadRow, (fair.deployment.chain_id, bytes(fair.checkout))).since
        session.execute(update(ContractReadRow).values(since=ContractReadRow.since + 3))
    says, mend, wrong = again(fair)
    assert ("3 blocks must be read yet" in says, "earnest chain" in mend, wrong) == (True, True, False)
    with container.database.write() as session:
        session.execute(update(ContractReadRow).values(since=kept))

    settings.sales_fee_bps = 100
    assert "nobody gets it" in again(fair)[0]
    settings.sales_fee_receiver = "0x12"
    says, mend, wrong = again(fair)
    assert (says.startswith("Nothing can be put up"), wrong) == (True, True)
    assert mend == "Check EARNEST_SALES_FEE_RECEIVER."
    settings.sales_fee_bps, settings.sales_fee_receiver = 0, None

    without = replace(fair.deployment, checkout=None, checkout_block=None)
    write_deployment(settings.data / "deployment.json", without)
    says, mend, wrong = again(fair)
    assert "the contract that pays for them is not there" in says
    assert ("add-checkout" in mend, wrong) == (True, False)


def test_another_facilitator_is_asked_whether_it_settles_what_is_sold_here(fair: Fair) -> None:
    settings = fair.container.settings
    settings.private_networks, settings.facilitator_budget, settings.facilitator_for = "127.0.0.0/8", "0.01", "anybody"
    fair.container.__dict__.pop("fetcher", None)
    fair.put_up()
    with listening(fair.container) as url:
        for path, said in (
            ("/v1/x402/", "1 thing for sale. It can be paid by the contract and by x402."),
            ("/health/live", "answers /supported with something else"),
            ("/v1/listings", "answers /supported with something else"),
        ):
            settings.facilitator_url = f"{url}{path}"
            assert said in again(fair)[0], path
        settings.facilitator_url, settings.facilitator_budget = f"{url}/v1/x402", "0"
        assert "settles no exact payments of version 2 on eip155:31337" in again(fair)[0]
    says, mend, wrong = again(fair)
    assert ("does not answer" in says, "EARNEST_FACILITATOR_URL" in mend, wrong) == (True, True, False)

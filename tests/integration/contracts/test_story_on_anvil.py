"""One stake from the first transfer to the last, on a real node, through our own port, codec and signer."""

from contracts import codec
from contracts.chain import Deployment
from contracts.events import Opened, Returned, Transferred
from tests.support.anvil import Anvil


def test_a_stake_is_opened_and_returned(anvil: Anvil, deployment: Deployment) -> None:
    bob = anvil.signer("bob of the story")
    anvil.give_tokens(deployment, bob.address, 10**19)
    terms = anvil.terms(bob.address)
    assert anvil.send(bob, deployment.token, codec.encode_approve(deployment.escrow, terms.amount)).succeeded

    opening = anvil.send(bob, deployment.escrow, codec.encode_open(terms))

    block = anvil.chain.block(opening.block_hash)
    assert block is not None
    raw = anvil.chain.logs(block.hash, [deployment.token, deployment.escrow])
    events = [codec.decode(log, block, token=deployment.token, escrow=deployment.escrow) for log in raw]
    stake_id = codec.stake_id(terms, chain_id=deployment.chain_id, escrow=deployment.escrow)
    assert [type(event) for event in events] == [Transferred, Opened]
    assert isinstance(events[1], Opened)
    assert (events[1].stake_id, events[1].terms) == (stake_id, terms)

    resolver = anvil.signer("resolver")
    returning = anvil.send(resolver, deployment.escrow, codec.encode_return(terms, answered=True))
    block = anvil.chain.block(returning.block_hash)
    assert block is not None
    raw = anvil.chain.logs(block.hash, [deployment.token, deployment.escrow])
    events = [codec.decode(log, block, token=deployment.token, escrow=deployment.escrow) for log in raw]
    assert [type(event) for event in events] == [Returned, Transferred]
    assert anvil.tokens_of(deployment, bob.address) == 10**19

"""Proposing: the service puts an epoch's root on the chain by itself, where its operator gave it the proposer's key.

It is off unless it is set. What was proposed once, by whomever, is never proposed again: a root that somebody cancelled
is for people to judge. The contract lets each root wait for 72 hours all the same.
"""

from __future__ import annotations

from typing import Final

import structlog

from app.container import Container, Work
from app.epochs import distributor_of
from app.places import PROPOSER
from contracts import codec, rewards
from kit.errors import Conflict
from kit.identifiers import Address, show_address
from ledger.calls import Bounds
from payments.rewards import epoch_file
from payments.rewards.epoch_file import differences
from payments.rewards.onchain import RootState
from payments.rewards.store import Epoch

LOG = structlog.get_logger(__name__)

_TAKEN: Final = (RootState.COUNTS, RootState.EARLIER, RootState.OVER)
_MOST_BEHIND: Final = 50
"""Blocks by which our books may be behind the node's head: what was proposed or cancelled since is not known."""
_BOUNDS: Final = Bounds(most_reverts=1, patient=False)


def regular(container: Container) -> bool:
    """Owe the chain the next root, where one is to be proposed; tell whether that was done now.

    Raises ``ChainUnavailable``; it is tried again at the next round.
    """
    if not container.settings.rewards_proposes:
        return False
    with container.read(one_moment=True) as work:
        epoch = next_of(work)
    if epoch is None:
        return False
    says, mend = look(container)
    distributor = distributor_of(container)
    if mend or distributor is None:
        LOG.warning("root_not_proposed", epoch=epoch.number, reason=says)
        return False
    if not _knows_the_chain(container, distributor):
        return False
    with container.read() as work:
        file = epoch_file.read_file(work.epochs.file(epoch.number))
    terms = file.anew.terms
    if (terms.distributor, terms.chain_id) != (distributor, container.settings.chain_id):
        raise Conflict("distributor_changed", f"Epoch {epoch.number} is paid by another contract than this one.")
    if file.anew.root != epoch.root or any(differences(file)) or epoch.root is None:
        raise Conflict("epoch_differs", f"The file of epoch {epoch.number} does not give its own root.")
    with container.work() as work:
        if next_of(work) != epoch:
            return False
        done = work.outgoing.queue(
            key=f"reward_root:{show_address(distributor)}:{epoch.number}",
            role=PROPOSER,
            to=distributor,
            data=rewards.encode_propose(_taken(work) + 1, epoch.root, epoch.paid),
            bounds=_BOUNDS,
        )
    if done:
        LOG.info("root_owed", epoch=epoch.number)
    return done


def next_of(work: Work) -> Epoch | None:
    """Return the epoch whose root is to be proposed now: the first after the newest that counts, if nothing waits.

    ``None`` also where that one was proposed before and did not come to count, and where one counts that is none of
    ours: somebody put it right, and what follows on it is theirs to say.
    """
    states = {one.root: one.state for one in work.distribution.roots()}
    if RootState.WAITING in states.values():
        return None
    counting = [one.root for one in work.distribution.roots() if one.state in _TAKEN]
    if not set(counting) <= {one.root for one in work.epochs.all()}:
        return None
    # An epoch that pays nobody anything has the root of the one before.
    paying = [one for one in reversed(work.epochs.all()) if one.root is not None and one.paid]
    counted = [place for place, one in enumerate(paying) if one.root is not None and states.get(one.root) in _TAKEN]
    left = paying[counted[-1] + 1 :] if counted else paying
    return left[0] if left and left[0].root not in states else None


def look(container: Container) -> tuple[str, str]:
    """Return how it stands in one sentence, and how to mend it: empty where it is good. Raises ``ChainUnavailable``."""
    if not container.settings.rewards_proposes:
        return "Roots of rewards are not proposed by the service.", ""
    distributor = distributor_of(container)
    if distributor is None:
        return "There is no contract that pays rewards.", "`earnest rewards deploy` makes it."
    if not container.keyring.has(PROPOSER):
        mend = (
            "Put the proposer's keystore file, opened by the keystore's password, there as proposer.json, or let "
            "`earnest keys create` make one before the contract is deployed; or unset EARNEST_REWARDS_PROPOSES."
        )
        return "The service is to propose roots of rewards, and has no key for it.", mend
    ours = container.keyring.current(PROPOSER).address
    roles = rewards.roles_in([container.chain.call(distributor, call) for call in rewards.READING])
    if roles.proposer != ours:
        return (
            f"The proposer of that contract is {show_address(roles.proposer)}, and our key is {show_address(ours)}.",
            "No other key can propose there, for ever: give the service that one, or unset EARNEST_REWARDS_PROPOSES.",
        )
    if not container.chain.balance(ours):
        return f"The proposer {show_address(ours)} has no ether for gas.", "Send some there."
    return f"The proposer {show_address(ours)} proposes each epoch's root.", ""


def _knows_the_chain(container: Container, distributor: Address) -> bool:
    """Tell whether our books know what the contract was told last."""
    chain = container.chain
    with container.read() as work:
        head, taken = work.book.head(), _taken(work)
    newest = chain.block("latest")
    if head is None or newest is None or newest.number - head.number > _MOST_BEHIND:
        return False
    waits = rewards.decode_proposal(chain.call(distributor, rewards.encode_proposal())) is not None
    return not waits and codec.decode_uint(chain.call(distributor, rewards.encode_epoch())) == taken


def _taken(work: Work) -> int:
    """Return the contract's number of the newest root that counts."""
    return max((one.epoch for one in work.distribution.roots() if one.state in _TAKEN), default=0)

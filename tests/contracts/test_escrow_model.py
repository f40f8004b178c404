"""The escrow on a real chain against a model of it in Python, step by step: they must agree on everything."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.contracts.escrow_chain import ESCROW, HEAD, TOKEN, Key, Node, World, running_node
from tests.contracts.escrow_model import DAYS, HOURS, NOBODY, UNLIMITED, Log, Model, Reverted, State, Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ETHER: Final = 10**18
SUPPLY: Final = 1_000_000 * ETHER
STEPS: Final = 2_000
"""At least so many transactions are compared in one run of the test."""

KEYS: Final = {key.address: key for key in map(Key, ("bob", "carol", "dave"))}
PAYERS: Final = list(KEYS)
OTHERS: Final = [Key(name).address for name in ("alice", "resolver", "guardian", "relayer", "mallory")]
MALLORY: Final = OTHERS[-1]
TREASURY: Final = Key("treasury").address
PEOPLE: Final = [*PAYERS, *OTHERS, TREASURY]
THE_ESCROW: Final = "the escrow"  # its address is known only once it stands

payers = st.sampled_from(PAYERS)
people = st.sampled_from(PEOPLE)
receivers = st.sampled_from([*PEOPLE, *PEOPLE, NOBODY, THE_ESCROW])
sums = st.one_of(st.sampled_from([0, 1, 5 * ETHER]), st.integers(0, 50 * ETHER))
lawful = st.builds(  # times are in seconds from now on
    Terms,
    payer=payers,
    return_to=people,
    amount=st.one_of(st.integers(1, 50 * ETHER), st.just(5 * ETHER)),
    fee=sums,
    fee_payee=people,
    relay_fee=st.sampled_from([0, 1, ETHER]),
    relay_receiver=people,
    resolver=people,
    guardian=st.one_of(people, st.just(NOBODY)),
    answer_by=st.one_of(st.integers(10 * DAYS, 60 * DAYS), st.integers(1 * HOURS, 60 * DAYS)),
    quote_expiry=st.integers(60, 1 * HOURS),
    commitment=st.just(b""),
)
anyhow = st.builds(
    Terms,
    payer=payers,
    return_to=receivers,
    amount=sums,
    fee=sums,
    fee_payee=receivers,
    relay_fee=st.sampled_from([0, 1, ETHER]),
    relay_receiver=receivers,
    resolver=receivers,
    guardian=receivers,
    answer_by=st.one_of(st.integers(1 * HOURS, 5 * DAYS), st.sampled_from([0, 1, 60 * DAYS, 60 * DAYS + 1])),
    quote_expiry=st.one_of(st.integers(60, 1 * HOURS), st.integers(60, 1 * HOURS), st.sampled_from([0, 1, 61 * DAYS])),
    commitment=st.just(b""),
)


@dataclass
class Campaign:
    """What all runs of one test share: the node, its time, which only goes on, and what was seen."""

    node: Node
    now: int
    commitments: itertools.count[int] = field(default_factory=itertools.count)
    steps: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def rarest(self) -> int:
        """How often the rarest event of the escrow was seen."""
        return min(self.seen[name] for name in ("Opened", "Returned", "ForfeitAnnounced", "Forfeited", "Expired"))


class LockStep(RuleBasedStateMachine):
    """Does the same to the model and to the chain."""

    campaign: ClassVar[Campaign]
    drawn: Bundle[Terms] = Bundle("drawn")
    opened: Bundle[Terms] = Bundle("opened")
    announced: Bundle[Terms] = Bundle("announced")

    @initialize()
    def begin(self) -> None:
        """A fresh token and a fresh escrow, and three people with something to stake."""
        self.world = World(self.campaign.node, TREASURY, SUPPLY, [*PEOPLE, NOBODY])
        self.campaign.now += 10  # the two blocks of the deployment
        self.model = Model(self.world.escrow, SUPPLY, {TREASURY: SUPPLY}, self.campaign.now)
        self.strays = 0
        for payer in PAYERS:
            self.give(payer, 2_000 * ETHER)

    # ------------------------------------------------------------------ what anybody can do

    @rule(target=opened, draft=lawful, by_hand=st.booleans())
    def reach_out(self, draft: Terms, by_hand: bool) -> Terms:  # noqa: FBT001
        """Open what can be opened."""
        return self.opened_now(draft, by_hand=by_hand)

    def opened_now(self, draft: Terms, *, by_hand: bool) -> Terms:
        terms = self.settled(draft)
        if by_hand:
            self.open(terms=terms, sender=terms.payer, short=0)
        else:
            self.open_with_authorization(terms=terms, sender=MALLORY, signer=terms.payer, tampered=99)
        return terms

    @rule(draft=lawful, by_hand=st.booleans(), how=st.integers(0, 3), answered=st.booleans())
    def meet(self, draft: Terms, by_hand: bool, how: int, answered: bool) -> None:  # noqa: FBT001
        """A whole life at once: opened, and then returned, or forfeited, or nearly forfeited."""
        terms = self.opened_now(draft, by_hand=by_hand)
        if how == 0:
            self.do_return(terms, terms.resolver, answered=answered)
            return
        self.announce_forfeit(terms=terms, sender=terms.resolver, tampered=99)
        if how == 1:
            self.guard(terms=terms, answered=answered)
        else:
            self.execute_forfeit(terms=terms, sender=MALLORY, late=2 - how)

    @rule(target=drawn, draft=st.one_of(anyhow, lawful))
    def agree(self, draft: Terms) -> Terms:
        """Draw any terms; whether they can be opened is for both to say."""
        return self.settled(draft)

    def settled(self, draft: Terms) -> Terms:
        """The terms with their times and this escrow in them, and like no others before."""
        at = self.model.now + 2
        here = [self.world.escrow if part == THE_ESCROW else part for part in draft]
        return Terms._make(here)._replace(
            answer_by=at + draft.answer_by,
            quote_expiry=at + draft.quote_expiry,
            commitment=next(self.campaign.commitments).to_bytes(32, "big"),
        )

    @rule(
        terms=st.one_of(drawn, drawn, opened),
        sender=st.one_of(st.none(), st.none(), people),
        short=st.sampled_from([0, 0, 0, 1]),
    )
    def open(self, terms: Terms, sender: str | None, short: int) -> None:
        """By an allowance: enough, or a unit short."""
        sender = sender or terms.payer
        value = max(terms.amount + terms.fee - short, 0)
        self.do(
            terms.payer,
            self.world.token,
            TOKEN.call("approve", self.world.escrow, value),
            lambda model: model.approve(terms.payer, value),
        )
        self.do(sender, self.world.escrow, ESCROW.call("open", terms), lambda model: model.open(terms, sender), terms)

    @rule(terms=drawn, allowed=st.sampled_from([0, UNLIMITED]))
    def allow(self, terms: Terms, allowed: int) -> None:
        """Allow everything, or nothing any more."""
        self.do(
            terms.payer,
            self.world.token,
            TOKEN.call("approve", self.world.escrow, allowed),
            lambda model: model.approve(terms.payer, allowed),
        )

    @rule(
        terms=st.one_of(drawn, drawn, opened),
        signer=st.one_of(st.none(), payers),
        off=st.sampled_from([0, 0, 1]),
        front_run=st.booleans(),
    )
    def open_with_permit(self, terms: Terms, signer: str | None, off: int, front_run: bool) -> None:  # noqa: FBT001
        """By a permit: good, or somebody else's, or over another sum, or submitted by somebody else before."""
        signer = signer or terms.payer
        value, nonce = terms.amount + terms.fee + off, self.model.permits_used.get(terms.payer, 0)
        deadline = self.model.now + 10
        signature = self.world.permit(KEYS[signer], value, nonce, deadline)
        if front_run:
            data = TOKEN.call("permit", terms.payer, self.world.escrow, value, deadline, *signature)
            self.do(
                MALLORY,
                self.world.token,
                data,
                lambda model: model.permit(terms.payer, value, signer=signer, nonce=nonce),
            )
        self.do(
            terms.payer,
            self.world.escrow,
            ESCROW.call("openWithPermit", terms, deadline, *signature),
            lambda model: model.open_with_permit(terms, terms.payer, signer=signer, value=value, nonce=nonce),
            terms,
        )

    @rule(
        terms=st.one_of(drawn, drawn, opened),
        sender=people,
        signer=st.one_of(st.none(), st.none(), payers),
        tampered=st.integers(0, 8),
    )
    def open_with_authorization(self, terms: Terms, sender: str, signer: str | None, tampered: int) -> None:
        """By an authorization: good, or somebody else's, or with one term changed on the way."""
        signer = signer or terms.payer
        signature = self.world.authorize(KEYS[signer], terms)
        brought = tamper(terms, tampered)
        self.do(
            sender,
            self.world.escrow,
            ESCROW.call("openWithAuthorization", brought, *signature),
            lambda model: model.open_with_authorization(brought, signer=signer, signed=terms),
            brought,
        )

    @rule(terms=drawn)
    def cancel(self, terms: Terms) -> None:
        """The payer takes back what was signed, at the token."""
        signature = self.world.cancel(KEYS[terms.payer], terms)
        data = TOKEN.call("cancelAuthorization", terms.payer, self.world.stake_id(terms), *signature)
        self.do(MALLORY, self.world.token, data, lambda model: model.cancel(terms), terms)

    @rule(
        terms=st.one_of(opened, opened, drawn, announced),
        sender=st.one_of(st.none(), people),
        answered=st.booleans(),
        tampered=st.integers(0, 30),
    )
    def return_stake(self, terms: Terms, sender: str | None, answered: bool, tampered: int) -> None:  # noqa: FBT001
        """By the resolver or anybody."""
        self.do_return(tamper(terms, tampered), sender or terms.resolver, answered=answered)

    @rule(terms=st.one_of(announced, opened), answered=st.booleans())
    def guard(self, terms: Terms, answered: bool) -> None:  # noqa: FBT001
        """By the guardian."""
        self.do_return(terms, terms.guardian, answered=answered)

    @rule(
        target=announced,
        terms=st.one_of(opened, opened, drawn),
        sender=st.one_of(st.none(), st.none(), people),
        tampered=st.integers(0, 30),
    )
    def announce_forfeit(self, terms: Terms, sender: str | None, tampered: int) -> Terms:
        """By the resolver or anybody."""
        terms, sender = tamper(terms, tampered), sender or terms.resolver
        self.do(
            sender,
            self.world.escrow,
            ESCROW.call("announceForfeit", terms),
            lambda model: model.announce_forfeit(terms, sender),
            terms,
        )
        return terms

    @rule(terms=st.one_of(announced, announced, opened), sender=people, late=st.sampled_from([None, 0, 0, -1]))
    def execute_forfeit(self, terms: Terms, sender: str, late: int | None) -> None:
        """By anybody; often to the second."""
        self.wait_until(self.model.stake(terms).executable_at, late)
        self.do(
            sender,
            self.world.escrow,
            ESCROW.call("executeForfeit", terms),
            lambda model: model.execute_forfeit(terms),
            terms,
        )

    @rule(terms=st.one_of(opened, opened, announced, drawn), sender=people, late=st.sampled_from([*4 * [None], 0, -1]))
    def expire(self, terms: Terms, sender: str, late: int | None) -> None:
        """By anybody; often to the second."""
        self.wait_until(terms.answer_by, late)
        self.do(sender, self.world.escrow, ESCROW.call("expire", terms), lambda model: model.expire(terms), terms)

    @rule(sender=people, value=sums)
    def stray(self, sender: str, value: int) -> None:
        """Tokens that nobody asked for."""
        self.strays += value if self.model.balances.get(sender, 0) >= value else 0
        self.do(
            sender,
            self.world.token,
            TOKEN.call("transfer", self.world.escrow, value),
            lambda model: model.transfer(sender, self.world.escrow, value),
        )

    @rule(seconds=st.integers(1, 12 * HOURS))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.model.now += seconds

    def teardown(self) -> None:
        """The service is gone for ever: all that is open ends by anybody's hand, and strays alone are left."""
        if not hasattr(self, "strays"):
            return
        self.model.now += 61 * DAYS
        for terms, stake in list(self.model.stakes.items()):
            if stake.state in (State.OPEN, State.FORFEIT_ANNOUNCED):
                ending = self.expire if stake.state == State.OPEN else self.execute_forfeit
                ending(terms=terms, sender=MALLORY, late=None)
            assert self.model.stake(terms).state > State.FORFEIT_ANNOUNCED
        assert self.model.held() == 0
        assert self.model.balances.get(self.world.escrow, 0) == self.strays
        self.campaign.now = self.model.now

    # ------------------------------------------------------------------ in lock-step

    def do_return(self, terms: Terms, sender: str, *, answered: bool) -> None:
        self.do(
            sender,
            self.world.escrow,
            ESCROW.call("returnStake", terms, answered),
            lambda model: model.return_stake(terms, sender, answered=answered),
            terms,
        )

    def give(self, to: str, value: int) -> None:
        data = TOKEN.call("transfer", to, value)
        self.do(TREASURY, self.world.token, data, lambda model: model.transfer(TREASURY, to, value))

    def wait_until(self, moment: int, late: int | None) -> None:
        """Let the next transaction be mined in that very second, or so much later, if it is not over yet."""
        if late is not None:
            self.model.now = max(self.model.now, moment + late - 1)

    def do(
        self, sender: str, to: str, data: str, step: Callable[[Model], list[Log]], terms: Terms | None = None
    ) -> None:
        """Take one step on both sides and compare: the logs or the error, balances, supply, stake and id."""
        if sender in (NOBODY, self.world.escrow):  # neither can send anything
            return
        self.model.now += 1
        self.campaign.now = self.model.now
        tried = self.model.copy()
        expected: list[Log] | str
        try:
            expected = step(tried)
            self.model = tried
        except Reverted as reverted:
            expected = str(reverted)
        if terms is not None:
            self.world.stake_id(terms)
        assert self.world.send(sender, to, data, self.model.now) == expected

        looked_at = terms or Terms(NOBODY, NOBODY, 0, 0, NOBODY, 0, NOBODY, NOBODY, NOBODY, 0, 0, bytes(32))
        seen = self.world.look(looked_at)
        assert seen.time == self.model.now
        assert seen.balances == {who: self.model.balances.get(who, 0) for who in self.world.everybody}
        assert seen.supply == self.model.supply == sum(seen.balances.values())
        assert seen.balances[self.world.escrow] == self.model.held() + self.strays
        assert seen.stake == self.model.stake(looked_at)
        assert seen.stake_id == self.world.stake_id(looked_at)
        self.campaign.steps += 1
        self.campaign.seen.update([expected] if isinstance(expected, str) else [log.name for log in expected])


def tamper(terms: Terms, part: int) -> Terms:
    """One term changed to somebody's liking; beyond the eighth, none."""
    changes: list[dict[str, object]] = [
        {"return_to": MALLORY},
        {"fee_payee": MALLORY},
        {"amount": terms.amount + 1},
        {"fee": terms.fee + 1},
        {"relay_fee": terms.relay_fee + 1},
        {"answer_by": terms.answer_by + 1},
        {"guardian": MALLORY},
    ]
    return terms._replace(**changes[part]) if part < len(changes) else terms  # type: ignore[arg-type]


def test_chain_and_model_agree(tmp_path: Path) -> None:
    with running_node(tmp_path / "anvil.log") as node:
        node.ask("anvil_autoImpersonateAccount", True)  # noqa: FBT003 - JSON
        for person in PEOPLE:
            node.ask("anvil_setBalance", person, hex(10**6 * ETHER))
        campaign = Campaign(node, int(node.ask_all([HEAD])[0]["timestamp"], 16))
        machine = type("Machine", (LockStep,), {"campaign": campaign})
        # How many steps an example takes, and which, is for Hypothesis to choose: go on until it was enough.
        while campaign.steps < STEPS or (campaign.rarest() < 20 and campaign.steps < 3 * STEPS):
            run_state_machine_as_test(
                machine,
                # Time never goes back here, so a run cannot be repeated, and there is no sense in shrinking it.
                settings=settings(
                    phases=[Phase.generate],
                    deadline=None,
                    database=None,
                    max_examples=10,
                    stateful_step_count=60,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    assert campaign.steps >= STEPS
    assert campaign.rarest() >= 20, campaign.seen

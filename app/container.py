"""The container: the one place that wires settings, database, chain, keys and rooms together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy.orm import Session

from app import places
from app.conversations import Conversations
from app.giving import Giving
from app.hearing import Hearing
from app.labelling import Labelling
from app.rooms import Rooms
from app.sessions import Sessions
from app.settings import Settings
from app.supporting.service import Support
from app.webhooks.owed import Owed
from app.webhooks.registry import Webhooks
from contracts import deployment as deployments
from contracts.chain import Chain, Deployment
from contracts.keyring import Keyring
from contracts.nodes import Nodes
from contracts.signer import Signer
from kit.clock import Clock, system_clock, unix
from kit.database import Database, make_engine
from kit.errors import NotFound
from kit.federation import Homeservers
from kit.identifiers import Address, UserId, parse_user_id
from kit.sealing import KeptSeal, Seal
from kit.streaming import StreamingFetcher
from ledger.book import Book
from ledger.calls import Pen
from ledger.feed import Feed
from ledger.holders import Holders
from ledger.limits import DayLimit
from ledger.outgoing import Outgoing
from ledger.people import People
from payments.carrying import service as carrying
from payments.carrying.model import RelayLimits
from payments.carrying.service import Carrying
from payments.content.signed import SignedPurchases
from payments.flair.flairs import Flairs
from payments.flair.onchain import Place
from payments.flair.service import Supporters
from payments.flair.signed import SignedGifts
from payments.rewards.claims import RewardClaims
from payments.rewards.distribution import Distribution
from payments.rewards.service import Rewards
from payments.settlements.service import Settlements
from payments.settlements.x402 import Token
from payments.stakes import settling
from payments.stakes.model import EscrowTerms
from payments.stakes.relaying import Relaying
from payments.stakes.service import Stakes
from payments.tips.signed import SignedTips
from reputation.asks import Asks
from reputation.contacts import Contacts
from reputation.courtesy import Courtesy
from reputation.desks import Desks
from reputation.digests import Digests
from reputation.doors import Doors
from reputation.followed import Followed
from reputation.gate import Gate
from reputation.guarding import Protections
from reputation.happenings import Happenings
from reputation.helping import Helping
from reputation.knowing import Knowing
from reputation.model import OpensAt
from reputation.moderation import Moderation
from reputation.notices import Notices
from reputation.outlooks import Outlooks
from reputation.publishing import Publishing
from reputation.screens import Filters
from reputation.supporting import Supporting
from reputation.tenants import Tenants
from reputation.vouches import Vouches

RESOLVER = settling.RESOLVER
"""The key that ends stakes: returns, announces, executes, expires; it can take nothing for itself."""
RELAYER = carrying.RELAYER
"""The key that carries openings that strangers have signed, and nothing else: so it can run dry by itself."""
KEY_ROLES = (RESOLVER, RELAYER)

SYMBOL = places.SYMBOL
DECIMALS = places.DECIMALS


@dataclass(frozen=True, slots=True)
class Work(Rooms):
    """One transaction's rooms. Whoever holds it neither commits nor rolls back; the block that opened it does.

    ``now`` is the wall clock; ``chain_time`` is the later of it and the head block's time, in Unix seconds: deadlines
    are chain time, and a chain that stands still must not stop the clock.
    """

    session: Session
    now: datetime
    chain_time: int
    seal: Callable[[], Seal]
    distributor: Address | None
    people: People
    book: Book
    holders: Holders
    outgoing: Outgoing
    stakes: Stakes
    carrying: Carrying
    relaying: Relaying
    signed_gifts: SignedGifts
    signed_purchases: SignedPurchases
    signed_tips: SignedTips
    settlements: Settlements
    reward_claims: RewardClaims
    supporters: Supporters
    support: Support
    flairs: Flairs
    giving: Giving
    rewards: Rewards
    doors: Doors
    tenants: Tenants
    gate: Gate
    knowing: Knowing
    filters: Filters
    protections: Protections
    followed: Followed
    moderation: Moderation
    desks: Desks
    publishing: Publishing
    vouches: Vouches
    outlooks: Outlooks
    hearing: Hearing
    asks: Asks
    contacts: Contacts
    sessions: Sessions
    conversations: Conversations
    courtesy: Courtesy
    notices: Notices
    digests: Digests
    helping: Helping
    feed: Feed
    happenings: Happenings
    webhooks: Webhooks
    owed: Owed


class Container:
    """Everything a process needs, made when first asked for."""

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        """Wire by ``settings``."""
        self.settings = settings
        self.clock = clock
        self.surroundings = places.surroundings(settings)
        self._making = threading.RLock()
        self._terms: tuple[tuple[Address, Address, RelayLimits], EscrowTerms] | None = None

    @cached_property
    def database(self) -> Database:
        """The database."""
        with self._making:
            return Database(make_engine(self.settings.database()))

    @cached_property
    def hearing(self) -> Hearing:
        """How people stand with each other."""
        with self._making:
            return Hearing(self.database, self.clock)

    @cached_property
    def labelling(self) -> Labelling:
        """Which followed lists speak of somebody."""
        with self._making:
            return Labelling(self.database, self.clock)

    @cached_property
    def deployment(self) -> Deployment:
        """Where the contracts stand. Raises ``NotFound`` where nothing says so."""
        return self.deployment_place[1]

    @cached_property
    def deployment_place(self) -> tuple[Path, Deployment]:
        """The file that says where the contracts stand, and what it says. Raises ``NotFound`` where there is none."""
        return deployments.find_deployment(self._deployment_files(), self.settings.chain_id)

    def _deployment_files(self) -> list[Path]:
        named = self.settings.deployment_file()
        if named is not None:
            return [named]
        return [
            self.settings.data / "deployment.json",
            Path(deployments.__file__).parent / "deployments" / f"{self.settings.chain_id}.json",
        ]

    @cached_property
    def chain(self) -> Nodes:
        """The chain's nodes; another chain than ``EARNEST_CHAIN_ID`` is refused."""
        with self._making:
            return Nodes(self.settings.rpc_urls(), self.settings.chain_id, prove=self._prove)

    def _prove(self, chain: Chain) -> None:
        """Raise ``Invalid`` where a node has other contracts at our addresses; before there are any, nothing can be."""
        with suppress(NotFound):
            deployments.check(chain, self.deployment)

    @cached_property
    def keyring(self) -> Keyring:
        """The service's keys: which there are, and where each is."""
        signers = places.remote_signers(self.settings, RESOLVER, RELAYER)
        return Keyring(self.settings.keystore(), password=self.settings.password_of_keystore, signers=signers)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles whose keys sign here."""
        return places.roles(self.settings, self.keyring, KEY_ROLES)

    @property
    def signers(self) -> Mapping[str, Signer]:
        """The keys that sign what is new, by role."""
        return {role: self.keyring.signer(self.keyring.current(role)) for role in self.roles}

    @property
    def older_pens(self) -> list[Pen]:
        """The keys that were a role's before: they finish what they began."""
        before = (key for role in self.roles for key in self.keyring.keys(role)[1:])
        return [Pen(key.role, self.keyring.signer(key), current=False) for key in before]

    @property
    def terms(self) -> EscrowTerms:
        """What every quote of ours has in common; reads the keys' addresses, so it opens none."""
        made_of = (self.keyring.current(RESOLVER).address, self.relayer, self.relay_limits)
        if self._terms is None or self._terms[0] != made_of:
            self._terms = (made_of, places.escrow_terms(self.settings, self.deployment, made_of))
        return self._terms[1]

    @property
    def relayer(self) -> Address:
        """The address of the key that carries openings."""
        return self.keyring.current(RELAYER).address

    @cached_property
    def relay_limits(self) -> RelayLimits:
        """How much is carried for strangers without ether."""
        return places.relay_limits(self.settings)

    @property
    def day_limits(self) -> Mapping[str, DayLimit]:
        """What each key may send in 24 hours. The relayer's gas is the budget up to which openings are taken on."""
        return places.day_limits(self.settings, self.relay_limits, RESOLVER, RELAYER)

    @cached_property
    def opens_at(self) -> OpensAt:
        """How sure the chain must be of a stake that opens a door. Raises ``Invalid`` for a sum that is none."""
        return places.opens_at(self.settings)

    @cached_property
    def _seals(self) -> KeptSeal:
        with self._making:
            return KeptSeal(self.settings.sealing_key_kept(), given=self.settings.key_for_sealing())

    @property
    def seal(self) -> Seal:
        """What encrypts people's secrets in the database, by the keys of a setting or else of the data folder."""
        return self._seals.now()

    @cached_property
    def fetcher(self) -> StreamingFetcher:
        """What asks servers that strangers name. Raises ``Invalid`` for settings of it that are wrong."""
        with self._making:
            return places.fetcher(self.settings)

    @cached_property
    def homeservers(self) -> Homeservers:
        """Other people's homeservers."""
        with self._making:
            return Homeservers(self.fetcher)

    @cached_property
    def enrolling(self) -> Homeservers:
        """Homeservers that enrol for rewards: few at once, and never in the way of whoever signs in."""
        with self._making:
            return Homeservers(self.fetcher, most_at_once=2, clock=self.clock)

    @cached_property
    def bot_id(self) -> UserId | None:
        """The bot's Matrix id."""
        return parse_user_id(self.settings.bot_user_id) if self.settings.bot_user_id else None

    @cached_property
    def gifts_arrive(self) -> Place | None:
        """Where gifts arrive, if anywhere. Raises ``Invalid`` for a cause that is none."""
        return places.place_of_gifts(self.settings, self.deployment)

    def close(self) -> None:
        """Give back what was opened; whoever made the container closes it at the end."""
        for name in ("chain", "keyring"):
            opened: Nodes | Keyring | None = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()
        database: Database | None = self.__dict__.pop("database", None)
        if database is not None:
            database.engine.dispose()

    def fenced(self, guard: Callable[[Session], None]) -> Container:
        """Return the same container, each writing transaction of which begins with ``guard``, which may refuse it.

        It shares what this one has opened, so this one is closed after it.
        """
        shared = {"database": self.database.fenced(guard), "chain": self.chain, "keyring": self.keyring}
        shared |= {"hearing": self.hearing, "labelling": self.labelling}
        twin = copy(self)
        twin.__dict__.update(shared)
        return twin

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Open one writing transaction."""
        with self.database.write() as session:
            yield self._work(session)

    @contextmanager
    def read(self, *, one_moment: bool = False) -> Iterator[Work]:
        """Open one reading transaction; what is written in it is lost. ``one_moment``: all reads see the same state."""
        with self.database.read(one_moment=one_moment) as session:
            yield self._work(session)

    def _check_url(self, url: str) -> None:
        self.fetcher.check(url)  # made for whoever needs it: a setting of it that is wrong stops no knock

    def _work(self, session: Session) -> Work:
        now, url, at, terms = self.clock(), self.settings.public_url, self.deployment, self.terms
        people, holders, outgoing = People(session, now), Holders(session, now), Outgoing(session, now, terms.chain_id)
        book = Book(session, chain_id=at.chain_id, token=at.token, escrow=at.escrow, later=at.later)
        chain_time = max(unix(now), head.timestamp) if (head := book.head()) else unix(now)
        stakes = Stakes(session, now=now, chain_time=chain_time, terms=terms, outgoing=outgoing, book=book)
        carried = Carrying(session, now, chain_time, limits=self.relay_limits, outgoing=outgoing, book=book)
        doors = Doors(session, now=now, people=people, holders=holders, stakes=stakes)
        asks, vouches = Asks(session, now=now, people=people), Vouches(session, now=now, people=people)
        supporters = Supporters(session, now=now, book=book, assets=places.assets_of(self.settings, at))
        carry = partial(SignedTips, session, now, carried, outgoing, at, assets=lambda: supporters.assets)
        heard, labels, given = self.hearing.told, self.labelling.told, Supporting(session, now, supporters)
        knowing = Knowing(people, vouches=vouches, stakes=stakes, standings=heard, labels=labels, supporting=given)
        made = partial(Gate, session, now=now, people=people, doors=doors, stakes=stakes)
        gate = made(bot_id=self.bot_id, opens_at=self.opens_at, knowing=knowing)
        feed, notices = Feed(session, now), Notices(session, now=now, people=people)
        return Work(
            session=session,
            now=now,
            chain_time=chain_time,
            seal=lambda: self.seal,
            distributor=at.distributor,
            people=people,
            book=book,
            holders=holders,
            outgoing=outgoing,
            stakes=stakes,
            carrying=carried,
            relaying=Relaying(carried, stakes),
            signed_gifts=SignedGifts(carried, supporters, outgoing, at),
            signed_purchases=SignedPurchases(session, now, carried, outgoing, at),
            signed_tips=carry(seal=lambda: self.seal, wallets=holders.addresses),
            settlements=Settlements(session, now, carried, outgoing, Token(terms.chain_id, terms.token)),
            reward_claims=RewardClaims(now, carried, outgoing, Distribution(session, at.distributor), at.distributor),
            supporters=supporters,
            support=Support(session, now, people, supporters, notices, self.surroundings),
            flairs=Flairs(session, now=now, people=people, supporters=supporters, seal=lambda: self.seal, service=url),
            giving=Giving(supporters, self.gifts_arrive),
            rewards=Rewards(session, now, service=url, chain_id=terms.chain_id),
            doors=doors,
            tenants=Tenants(session, now),
            gate=gate,
            knowing=knowing,
            followed=Followed(session, now),
            moderation=Moderation(session, now, people),
            desks=Desks(session, now),
            publishing=Publishing(session, now=now, people=people, seal=lambda: self.seal),
            filters=Filters(session, now=now, people=people),
            protections=Protections(session, now),
            vouches=vouches,
            outlooks=Outlooks(session, now=now, people=people, doors=doors, stakes=stakes),
            hearing=self.hearing,
            asks=asks,
            contacts=Contacts(session, now=now, people=people),
            sessions=Sessions(session, now),
            conversations=Conversations(session, now),
            courtesy=Courtesy(session, now),
            notices=notices,
            digests=Digests(session, now=now, people=people, gate=gate, asks=asks, notices=notices),
            helping=Helping(session, now=now, people=people, gate=gate, asks=asks, notices=notices, bot_id=self.bot_id),
            feed=feed,
            happenings=Happenings(session, now, terms),
            webhooks=Webhooks(session, now, feed=feed, seal=lambda: self.seal, check=self._check_url),
            owed=Owed(session, now, feed=feed, seal=lambda: self.seal, notices=notices),
        )

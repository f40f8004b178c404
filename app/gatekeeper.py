"""The gatekeeper: gives a knock its verdict in time, from memory where that is safe, else from the database.

What it remembers follows the changes in the database, read every 100 ms: an admit older than one second is never
served. A knock that is not answered from memory is first looked up, which only reads; the gate is asked where there is
something to be written down. Those who know each other go first, and strangers wait no longer than makes sense: nobody
gets in by making us late.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

import structlog
from prometheus_client import Counter, Gauge

from app.container import Container
from app.rehearsing import read_rules, rehearse
from app.remembering import Arrived, Heard, Moments, Pairs, Replies, Reply
from app.waiting import Asked, Line
from app.warming import Warmer
from kit.changes import news_since
from kit.errors import Unavailable
from kit.identifiers import RoomId, TenantId, UserId, server_of
from kit.throttle import Throttle
from payments.stakes.model import RENEW_BEFORE
from reputation.decision import forged
from reputation.lookup import look_up
from reputation.model import Knock, Tenant
from reputation.pricing import origin_of
from reputation.tenants import TOPIC, Tenants
from reputation.verdict import Admit, Code, Reason, Refuse

LOG = structlog.get_logger(__name__)

_READ_EVERY_SECONDS = 0.1
"""Sooner than anybody could hear from the bot that a door is open, and knock again."""
_NOTED_EVERY = 3
_OLDEST_ADMIT_SECONDS = 1.0
_MADE_UP_AFTER_SECONDS = 5.0
"""How long after its start a process asks what another may have missed: by then it hears every call itself."""

_READERS, _WRITERS = 2, {"sqlite": 1, "postgresql": 6}  # SQLite lets one write at a time
_MOST_READING, _MOST_WRITING = 0.1, 0.15
"""Of one core, what strangers may take in the long run: the rest is for those whom memory answers."""
_SHARE_OF_PATIENCE = 0.4
"""Of the deadline, how long a stranger may expect to wait; the rest is for what takes longer than expected."""
_LATEST_BEGIN = 0.8
"""Of the deadline, after how much of it nothing is begun for a stranger any more."""
_SHARE, _OWN_SHARE = 16, 48
"""Strangers of one homeserver, and of the tenant's own, that wait for the database at the same time."""
_FLOOD_BURST, _FLOOD_SECONDS = 200, 1 / 40
"""Calls about one homeserver's users that the database is asked for: 200 at once, then 40 a second; a federated knock
makes two."""
_FLOOD_LASTS = 10.0
"""Seconds for which a homeserver that was refused for its many knocks is not let in for lateness either."""
_CALM_BURST, _CALM_SECONDS = 4, 1 / 2
"""Strangers that are looked up while it is calm: four at once, then two a second. Fewer make nobody late."""
_MOST_FLOODING = 10_000

_REPLY_SECONDS = 60.0
"""How long a hold or a refusal is given again from memory: so long may a new price stay unheard of."""
_FLEETING_SECONDS = 5.0
"""The same where rules said so, for what they ask about changes without a word of the door's owner."""
_MOST_COUNTED = 500

FLOODS = Counter("earnest_gate_floods", "Calls refused from memory because too many came from one homeserver")
SHED = Counter("earnest_gate_shed", "Calls of strangers refused because too many wait for the database")
REMEMBERED = Gauge("earnest_gate_remembered", "Pairs that are remembered to pass freely")
VERDICTS = Counter("earnest_gate_verdicts", "Verdicts given to knocks", ["verdict", "source"])
LATE = Counter("earnest_gate_late", "Knocks for which no verdict came in time")


class Gatekeeper:
    """Answers for one process; ``start`` before use, ``stop`` after."""

    def __init__(self, container: Container) -> None:
        """Answer from the container's database."""
        self._container = container
        self._readers = Line("gate-reads", _READERS, self._patience, most=_MOST_READING)
        writers = _WRITERS.get(container.database.engine.dialect.name, 1)
        self._writers = Line("gate-writes", writers, self._patience, most=_MOST_WRITING)
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="gate-watcher", daemon=True)
        self._moments = Moments()
        self._pairs = Pairs(self._moments)
        self._replies = Replies(self._moments)
        self._arrived = Arrived()
        self._warmer = Warmer(container, self._moments, self._pairs)
        self._tenants: Mapping[bytes, Tenant] | None = None
        self._leaving: frozenset[TenantId] = frozenset()
        self._counter = -1
        self._read_at = float("-inf")
        self._throttle = Throttle(_FLOOD_BURST, _FLOOD_SECONDS, time.monotonic)
        self._flooding: OrderedDict[str, float] = OrderedDict()
        self._calm = Throttle(_CALM_BURST, _CALM_SECONDS, time.monotonic)
        self._crowd_at = float("-inf")
        self._noting = threading.Lock()
        self._make_up_at: float | None = None
        self._heard = Heard()

    @property
    def deadline(self) -> float:
        """How long a knock may wait for its verdict, in seconds."""
        return self._container.settings.gate_deadline_ms / 1000

    def start(self) -> None:
        """Read once, then follow the database; a database that is silent now is simply asked again."""
        self._refresh()
        self._watcher.start()
        self._warmer.start()
        self._writers.join(self._rehearse, party="", first=True)

    def stop(self) -> None:
        """Stop following; verdicts under way are finished."""
        self._stop.set()
        self._watcher.join()
        self._warmer.stop()
        self._readers.stop()
        self._writers.stop()
        self._noting.acquire(blocking=False)
        self._note()

    def tenant(self, bearer: str) -> Tenant | None:
        """Return whose bearer this is, comparing in constant time; ``None`` where it is nobody's. Touches memory alone.

        Raises ``Unavailable`` while the tenants could not be read even once.
        """
        known = self._tenants
        if known is None:
            message = "the tenants could not be read yet"
            raise Unavailable(message)
        digest = hashlib.sha256(bearer.encode()).digest()
        found = None
        for stored, tenant in known.items():
            if hmac.compare_digest(stored, digest):
                found = tenant
        if found is not None:
            self._heard.note(found.id, self._container.clock())
        return found

    # -------------------------------------------------------------------------------------------- at once

    def at_once(self, knock: Knock) -> Reply | None:
        """Return a verdict if memory has one, else ``None``; touches memory alone.

        A homeserver that floods this process is refused so, but for those whom the recipient knows. The tenant's own
        users are not: their operator answers for who may register there.
        """
        if forged(knock):
            leaving = knock.tenant in self._leaving
            return None if leaving else _told(Reply(Refuse((Reason(Code.FORGED),))), "memory")
        now, key = time.monotonic(), self._key(knock)
        if now - self._read_at <= _OLDEST_ADMIT_SECONDS - _READ_EVERY_SECONDS:
            code = self._pairs.passes(key, now)
            if code is not None:
                return _told(Reply(Admit((Reason(code),))), "memory")
        if knock.proven:
            reply = self._replies.again(key, knock, now)
            if reply is not None:
                return _told(reply, "memory")
        server = server_of(knock.inviter)
        if server == knock.tenant_server or self._pairs.knows(key) or self._throttle.take(origin_of(server)):
            return None
        return self._flood(origin_of(server))

    def _key(self, knock: Knock) -> int:
        return self._pairs.key(knock.tenant, knock.inviter, knock.invitee)

    def _flood(self, origin: str) -> Reply:
        FLOODS.inc()
        self._flooding[origin] = time.monotonic()
        self._flooding.move_to_end(origin)
        while len(self._flooding) > _MOST_FLOODING:
            self._flooding.popitem(last=False)
        return _told(Reply(Refuse((Reason(Code.SERVER_FLOODS),))), "memory")

    def _shed(self, asked: Asked, share: int | None = None) -> Reply:
        """Return what is said to whom there is no room for; the tenant's own people may always write elsewhere."""
        SHED.inc()
        knock = asked.knock
        if server_of(knock.invitee) != knock.tenant_server:
            return _told(Reply(Admit((Reason(Code.NOT_OURS),))), "memory")
        if share == _SHARE and asked.line.waiting(asked.party) >= share:
            return self._flood(asked.party)
        self._crowd_at = time.monotonic()
        return _told(Reply(Refuse((Reason(Code.CROWDED),))), "memory")

    def _patience(self) -> float:
        return self.deadline * _SHARE_OF_PATIENCE

    # -------------------------------------------------------------------------------------------- by the database

    def submit(self, knock: Knock) -> Asked:
        """Have the database decide, in a thread; cancel what is returned when it is no longer wanted."""
        key = self._key(knock)
        asked = Asked(knock, key, self._readers, known=self._pairs.knows(key))
        if not asked.known and not self._calm.take(""):
            self._crowd_at = asked.since
        if not self._readers.join(partial(self._look, asked), party=asked.party, first=asked.known):
            asked.settle(self._shed(asked))
        return asked

    def submit_join(self, tenant: Tenant, user: UserId, room: RoomId) -> None:
        """Tell that a tenant's user joins a room; joins that match no grant are forgotten."""
        if not self._readers.join(partial(self._joined, tenant, user, room), party=tenant.server_name):
            self._missed_a_join()

    def late(self, tenant: Tenant, asked: Asked) -> Reply:
        """Return what is said where no verdict came in time; counted.

        The tenant's admin chose for a database that is silent. Where it answered others meanwhile, or where many
        strangers come, it is they who make each other late: then a stranger is refused, and so is whoever floods us.
        """
        LATE.inc()
        now = time.monotonic()
        if now - self._flooding.get(asked.party, float("-inf")) < _FLOOD_LASTS:
            return Reply(Refuse((Reason(Code.SERVER_FLOODS),)))
        crowd = asked.line.answered_at > asked.since or now - self._crowd_at < _FLOOD_LASTS
        if crowd and not asked.known:
            return Reply(Refuse((Reason(Code.CROWDED),)))
        reason = (Reason(Code.LATE),)
        return Reply(Admit(reason) if tenant.on_deadline == "open" else Refuse(reason))

    def _look(self, asked: Asked) -> bool:
        """Look a knock up; where the gate itself is to be asked, stand in the other line for it."""
        if asked.cancelled():
            return False
        # Taken before the database is read: what changes meanwhile is heard of at a later moment.
        moment, now = self._moments.now, self._container.clock()
        try:
            with self._container.database.look() as connection:
                found = look_up(connection, asked.knock, now=now, bot=self._container.bot_id)
            if found.rules is not None:
                read_rules(self._container, found.rules, asked.knock)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits hears of it
            asked.settle(error)
            return False
        if found.passing is not None:
            if found.passing.counted:
                self._arrived.note(asked.knock)
            seconds = (found.passing.until - now).total_seconds()
            if seconds > _OLDEST_ADMIT_SECONDS:
                code, until = found.passing.verdict.because[0].code, int(time.monotonic() + seconds)
                self._pairs.keep(asked.key, code, found.passing.subjects, moment=moment, until=until)
            asked.settle(_told(Reply(found.passing.verdict), "database"))
            return True
        asked.known = asked.known or found.known
        asked.line = self._writers
        own = server_of(asked.knock.inviter) == asked.knock.tenant_server
        share = _OWN_SHARE if own else _SHARE
        if not self._writers.join(partial(self._ask, asked), party=asked.party, first=asked.known, share=share):
            asked.settle(self._shed(asked, share))
        return True

    def _ask(self, asked: Asked) -> bool:
        if asked.cancelled():
            return False
        if not asked.known and time.monotonic() - asked.since > self.deadline * _LATEST_BEGIN:
            return False  # it will be late, and there it is known whether a crowd or the database is to blame
        moment, knock = self._moments.now, asked.knock
        try:
            with self._container.work() as work:
                answer, chain_time = work.gate.ask(knock), work.chain_time
        except Exception as error:  # noqa: BLE001 - the same
            asked.settle(error)
            return False
        reply = Reply(answer.verdict, answer.quote)
        if answer.pair is not None:
            seconds = _FLEETING_SECONDS if answer.fleeting else _REPLY_SECONDS
            if answer.quote is not None:
                seconds = min(seconds, answer.quote.quote_expiry - RENEW_BEFORE.total_seconds() - chain_time)
            self._replies.keep(asked.key, reply, answer.pair, knock, moment=moment, until=time.monotonic() + seconds)
        asked.settle(_told(reply, "database"))
        return True

    def _rehearse(self) -> bool:
        tenant = next(iter((self._tenants or {}).values()), None)
        try:
            if tenant is not None:
                rehearse(self._container, tenant)
        except Unavailable as error:
            LOG.warning("gate_unrehearsed", waits_for=type(error).__name__)
        return False

    def _joined(self, tenant: Tenant, user: UserId, room: RoomId) -> bool:
        try:
            with self._container.read() as work:
                if not work.gate.brought(tenant, user, room):
                    return True
        except Unavailable:
            return self._missed_a_join()
        by_stake = partial(self._joined_by_stake, tenant, user, room)
        return self._writers.join(by_stake, party=tenant.server_name, first=True) or self._missed_a_join()

    def _joined_by_stake(self, tenant: Tenant, user: UserId, room: RoomId) -> bool:
        try:
            with self._container.work() as work:
                work.gate.joined(tenant, user, room)
        except Unavailable:
            return self._missed_a_join()
        return True

    def _missed_a_join(self) -> bool:
        """Have everybody asked whose invite arrived, a little later: this may have been the join of one of them."""
        self._make_up_at = time.monotonic() + _MADE_UP_AFTER_SECONDS
        return False

    # -------------------------------------------------------------------------------------------- following

    def _watch(self) -> None:
        self._make_up_at = time.monotonic() + _MADE_UP_AFTER_SECONDS
        for turn in itertools.count():
            if self._stop.wait(_READ_EVERY_SECONDS):
                return
            self._refresh()
            if turn % _NOTED_EVERY:
                continue
            REMEMBERED.set(len(self._pairs))
            if self._noting.acquire(blocking=False) and not self._writers.join(self._note, party="", first=True):
                self._noting.release()
            due = self._make_up_at is not None and time.monotonic() >= self._make_up_at
            if due and self._writers.join(self._make_up, party="", first=True):
                self._make_up_at = None

    def _make_up(self) -> bool:
        """Ask for the answers for which nobody was asked, because who would have been told was dead or overrun."""
        try:
            with self._container.work() as work:
                asked = work.gate.ask_unasked()
        except Unavailable as error:
            LOG.warning("gate_asks_nobody", waits_for=type(error).__name__)
            return self._missed_a_join()
        LOG.info("gate_asks_later", asked=asked)
        return True

    def _refresh(self) -> None:
        asked_at = time.monotonic()
        try:
            with self._container.database.read() as session:
                news = news_since(session, TOPIC, max(self._counter, 0))
            if news.subjects is None or self._tenants is None:
                with self._container.read() as work:
                    tenants = work.tenants.all()
                self._leaving = frozenset(tenant.id for tenant in tenants if tenant.leaving)
                self._tenants = {tenant.bearer_sha256: tenant for tenant in tenants}
                self._moments.heard(None)
                self._warmer.warm({tenant.server_name: tenant.id for tenant in tenants})
            elif news.subjects:
                self._moments.heard(news.subjects)
            self._counter = news.counter
            self._read_at = asked_at
        except Unavailable as error:
            LOG.warning("gate_reads_nothing", waits_for=type(error).__name__)
        except Exception:
            LOG.exception("gate_watcher_failed")

    def _note(self) -> bool:
        """Write down what need not be written at once: when tenants called, and knocks that memory answered."""
        try:
            self._note_calls()
            return self._count_repeats()
        except Unavailable as error:
            LOG.warning("gate_notes_nothing", waits_for=type(error).__name__)
            return False
        finally:
            self._noting.release()

    def _note_calls(self) -> None:
        """Write down when tenants last called, at most every 10 s, for operators who ask whether they still do."""
        due = self._heard.due()
        if due:
            with self._container.database.write() as session:
                Tenants(session, self._container.clock()).heard(due)

    def _count_repeats(self) -> bool:
        """Count the knocks that memory answered, and whom open doors let in; a crash loses those of the last second."""
        repeats, arrived = self._replies.take(_MOST_COUNTED), self._arrived.take(_MOST_COUNTED)
        if not (repeats or arrived):
            return False
        try:
            with self._container.work() as work:
                work.gate.repeated(repeats)
                work.gate.let_in(arrived)
        except BaseException:
            self._replies.give_back(repeats)
            raise
        return True


def _told(reply: Reply, source: str) -> Reply:
    VERDICTS.labels(type(reply.verdict).__name__.lower(), source).inc()
    return reply

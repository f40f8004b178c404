"""The gatekeeper: gives a knock its verdict in time, from memory where that is safe, else from the database.

What it keeps follows the change counters of the database, read every 250 ms: an admit older than one second is never
served. Memory holds admits without side effects only; a hold or a refusal counts its knock in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Counter

from app.container import Container
from kit.changes import counters
from kit.errors import Unavailable
from kit.identifiers import RoomId, TenantId, UserId, server_of
from kit.throttle import Throttle
from payments.stakes.model import Quote
from reputation.model import Knock, Tenant
from reputation.tenants import Tenants
from reputation.verdict import Admit, Code, Reason, Refuse, Verdict

LOG = structlog.get_logger(__name__)

TOPIC = "gate"
_READ_EVERY_SECONDS = 0.25
_OLDEST_ADMIT_SECONDS = 1.0
_MOST_REMEMBERED = 200_000
_THREADS = 8
_NOTE_EVERY = timedelta(seconds=10)
_MADE_UP_AFTER_SECONDS = 5.0
"""How long after its start a process asks what another may have missed: by then it hears every call itself."""
_NEVER = datetime.min.replace(tzinfo=UTC)

_FLOOD_BURST, _FLOOD_SECONDS = 200, 1 / 40
"""Calls about one homeserver's users that the database is asked for: 200 at once, then 40 a second; a federated knock
makes two. What waits longer behind a flood is answered too late, and so, by most tenants' choice, let in."""

FLOODS = Counter("earnest_gate_floods", "Calls refused from memory because too many came from one homeserver")
VERDICTS = Counter("earnest_gate_verdicts", "Verdicts given to knocks", ["verdict", "source"])
LATE = Counter("earnest_gate_late", "Knocks answered by the tenant's own choice, because no verdict came in time")


@dataclass(frozen=True, slots=True)
class Reply:
    """A verdict and, where it holds, the quote to pay."""

    verdict: Verdict
    quote: Quote | None = None


class Gatekeeper:
    """Answers for one process; ``start`` before use, ``stop`` after."""

    def __init__(self, container: Container) -> None:
        """Answer from the container's database."""
        self._container = container
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="gate")
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="gate-watcher", daemon=True)
        self._admits: dict[tuple[int, UserId, UserId], Admit] = {}
        self._tenants: Mapping[bytes, Tenant] | None = None
        self._counter = -1
        self._read_at = float("-inf")
        self._floods = Throttle(_FLOOD_BURST, _FLOOD_SECONDS, time.monotonic)
        self._heard: dict[TenantId, datetime] = {}
        self._noted: dict[TenantId, datetime] = {}

    @property
    def deadline(self) -> float:
        """How long a knock may wait for its verdict, in seconds."""
        return self._container.settings.gate_deadline_ms / 1000

    def start(self) -> None:
        """Read once, then follow the database; a database that is silent now is simply asked again."""
        self._refresh()
        self._watcher.start()

    def stop(self) -> None:
        """Stop following; verdicts under way are finished."""
        self._stop.set()
        self._watcher.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

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
            self._heard[found.id] = self._container.clock()
        return found

    def remembered(self, knock: Knock) -> Reply | None:
        """Return an admit from memory if it is fresh enough; touches memory alone."""
        if time.monotonic() - self._read_at > _OLDEST_ADMIT_SECONDS - _READ_EVERY_SECONDS:
            return None
        admit = self._admits.get((knock.tenant, knock.inviter, knock.invitee))
        if admit is None:
            return None
        VERDICTS.labels("admit", "memory").inc()
        return Reply(admit)

    def too_many(self, knock: Knock) -> Reply | None:
        """Return a refusal where the inviter's homeserver floods this process; touches memory alone.

        The tenant's own users are never refused so: their operator answers for who may register there.
        """
        server = server_of(knock.inviter)
        if server == knock.tenant_server or self._floods.take(server):
            return None
        FLOODS.inc()
        return Reply(Refuse((Reason(Code.SERVER_FLOODS),)))

    def submit(self, knock: Knock) -> Future[Reply]:
        """Have the database decide, in a thread; cancel the future when it is no longer wanted."""
        return self._pool.submit(self._ask, knock)

    def submit_join(self, tenant: Tenant, user: UserId, room: RoomId) -> Future[None]:
        """Tell that a tenant's user joins a room; joins that match no grant are forgotten."""
        return self._pool.submit(self._joined, tenant, user, room)

    def late(self, tenant: Tenant) -> Reply:
        """Return what the tenant's admin chose for a verdict that did not come in time; counted."""
        LATE.inc()
        reason = (Reason(Code.LATE),)
        return Reply(Admit(reason) if tenant.on_deadline == "open" else Refuse(reason))

    def _ask(self, knock: Knock) -> Reply:
        # Taken before the database is read: if anything changes meanwhile, they are thrown away with what they hold.
        admits = self._admits
        with self._container.work() as work:
            answer = work.gate.ask(knock)
        verdict = answer.verdict
        VERDICTS.labels(type(verdict).__name__.lower(), "database").inc()
        if answer.lasting and isinstance(verdict, Admit):
            if len(admits) >= _MOST_REMEMBERED:
                admits.clear()
            admits[knock.tenant, knock.inviter, knock.invitee] = verdict
        return Reply(verdict, answer.quote)

    def _joined(self, tenant: Tenant, user: UserId, room: RoomId) -> None:
        with self._container.work() as work:
            work.gate.joined(tenant, user, room)

    def _watch(self) -> None:
        make_up_at: float | None = time.monotonic() + _MADE_UP_AFTER_SECONDS
        while not self._stop.wait(_READ_EVERY_SECONDS):
            self._refresh()
            self._note_calls()
            if make_up_at is not None and time.monotonic() >= make_up_at and self._make_up():
                make_up_at = None

    def _make_up(self) -> bool:
        """Ask for the answers for which nobody was asked, because the process that would have been told was dead."""
        try:
            with self._container.work() as work:
                asked = work.gate.ask_unasked()
        except Unavailable as error:
            LOG.warning("gate_asks_nobody", waits_for=type(error).__name__)
            return False
        except Exception:
            LOG.exception("gate_asks_failed")
            return True
        if asked:
            LOG.info("gate_asks_later", asked=asked)
        return True

    def _note_calls(self) -> None:
        """Write down when tenants last called, at most every 10 s, for operators who ask whether they still do."""
        heard = dict(self._heard)
        due = {tenant: at for tenant, at in heard.items() if at - self._noted.get(tenant, _NEVER) >= _NOTE_EVERY}
        if not due:
            return
        try:
            with self._container.database.write() as session:
                Tenants(session, self._container.clock()).heard(due)
        except Unavailable as error:
            LOG.warning("gate_notes_nothing", waits_for=type(error).__name__)
        except Exception:
            LOG.exception("gate_notes_failed")
        self._noted |= due

    def _refresh(self) -> None:
        asked_at = time.monotonic()
        try:
            with self._container.database.read() as session:
                counter = counters(session).get(TOPIC, 0)
            if counter != self._counter:
                with self._container.read() as work:
                    tenants = {tenant.bearer_sha256: tenant for tenant in work.tenants.all()}
                self._admits = {}
                self._tenants = tenants
                self._counter = counter
            self._read_at = asked_at
        except Unavailable as error:
            LOG.warning("gate_reads_nothing", waits_for=type(error).__name__)
        except Exception:
            LOG.exception("gate_watcher_failed")

"""Knocks, doors and facts made up: fixed ones to change, and strategies that reach every corner of their types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from kit.amounts import ZERO, Amount
from kit.identifiers import RoomId, ServerName, TenantId, UserId
from payments.stakes.model import Price
from reputation.model import ContactWhy, Door, DoorMode, Facts, Grant, Knock
from reputation.pricing import Pressure
from tests.support.terms import addresses, amounts, hashes

HOME: Final = ServerName("home.example")
ALICE: Final = UserId("@alice:home.example")
BOB: Final = UserId("@bob:away.example")
BOT: Final = UserId("@earnest:home.example")
ROOM: Final = RoomId("!room:away.example")
OTHER_ROOM: Final = RoomId("!other:away.example")
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
KNOCK: Final = Knock(TenantId(1), HOME, BOB, ALICE, ROOM, NOW, federated=False)
ASKS: Final = Door(DoorMode.ASK, Amount(5), ZERO)
CLOSED: Final = Door(DoorMode.CLOSED)
FACTS: Final = Facts(chain_time=1_000, bot=BOT)

# Names that collide often, so that every rule about who is who is reached, and names that nobody parsed.
names = st.sampled_from([ALICE, BOB, BOT, UserId("@carol:home.example"), UserId("@alice:HOME.example"), UserId("")])
any_names = names | st.text(max_size=300).map(UserId)
servers = st.sampled_from([HOME, ServerName("away.example"), ServerName("")]) | st.text(max_size=30).map(ServerName)
rooms = st.sampled_from([ROOM, OTHER_ROOM]) | st.text(max_size=300).map(RoomId)
moments = st.just(NOW) | st.timedeltas(timedelta(minutes=-20), timedelta(minutes=20)).map(lambda after: NOW + after)
any_moments = moments | st.datetimes(timezones=st.just(UTC))
knocks = st.builds(
    Knock,
    st.integers().map(TenantId),
    servers,
    any_names,
    any_names,
    rooms,
    any_moments,
    st.booleans(),
    st.booleans(),
)
doors = st.builds(
    Door,
    st.sampled_from(DoorMode),
    (st.just(0) | amounts).map(Amount),
    (st.just(0) | amounts).map(Amount),
    st.none() | addresses,
)
chain_times = st.integers(0, 2_000) | st.integers()
grants = st.builds(Grant, hashes, chain_times, st.booleans(), st.none() | rooms, st.none() | any_moments)
counts = st.integers(0, 12) | st.integers(0, 10**9)
pressures = st.builds(Pressure, *[counts] * 8, st.none() | chain_times)
quoted = st.builds(Price, (st.just(0) | amounts).map(Amount), (st.just(0) | amounts).map(Amount))
facts = st.builds(
    Facts,
    chain_times,
    st.none() | any_names,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.sampled_from(ContactWhy),
    st.lists(grants, max_size=3).map(tuple),
    pressures,
    st.lists(chain_times, max_size=3).map(tuple),
    st.none() | quoted,
)

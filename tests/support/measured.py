"""Servers as they are measured, for tests of what they earn: written by hand, and drawn."""

from __future__ import annotations

from hypothesis import strategies as st

from kit.identifiers import Address, ServerName
from payments.rewards.model import WHOLE_AVAILABILITY, WHOLE_WEIGHT, Measured, bucket_of


def payee(number: int) -> Address:
    return Address(number.to_bytes(20))


def measured(
    number: int = 1,
    *,
    people: int = 50,
    name: str = "",
    domain: str = "",
    payout: int = 0,
    networks: tuple[str, ...] = (),
    availability: int = WHOLE_AVAILABILITY,
    weight: int = WHOLE_WEIGHT,
    withheld: bool = False,
) -> Measured:
    """A server that has nothing in common with one of another number, unless it is said."""
    domain = domain or f"s{number}.example"
    return Measured(
        server=ServerName(name or f"matrix{number}.{domain}"),
        domain=domain,
        networks=networks or (network(number),),
        payout=payee(payout or number),
        availability=availability,
        people=bucket_of(people),
        weight=weight,
        withheld=withheld,
    )


def network(number: int) -> str:
    return f"10.{number // 256 % 256}.{number % 256}.0/24"


@st.composite
def drawn(draw: st.DrawFn, number: int, *, lines: bool = True) -> Measured:
    """One server; few domains, payout addresses and networks, so that many have something in common."""
    few = st.integers(1, 4)
    chosen = draw(st.sets(few, min_size=1, max_size=2))
    return measured(
        number,
        people=draw(st.integers(0, 12) | st.integers(0, 300) | st.integers(0, 60_000)),
        domain=f"d{draw(few)}.example",
        payout=draw(few),
        networks=tuple(sorted(network(one) for one in chosen)),
        availability=draw(st.sampled_from([0, 899, 900, 901, 950, 999, 1000]) | st.integers(0, 1000)),
        weight=draw(st.just(100) | st.integers(0, 100)),
        withheld=lines and draw(st.integers(0, 5)) == 0,
    )


@st.composite
def worlds(draw: st.DrawFn, *, most: int = 8, withheld: bool = True) -> list[Measured]:
    size = draw(st.integers(0, most))
    return [draw(drawn(number, lines=withheld)) for number in range(1, size + 1)]

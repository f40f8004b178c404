"""Terms and logs, made up: fixed ones to break, and strategies that reach every corner of their types."""

from typing import Final

from hypothesis import strategies as st

from contracts.chain import RawLog
from contracts.events import BlockRef, SignedGift, Terms
from kit.identifiers import Address, Hash32

CHAIN_ID: Final = 31337
TOKEN: Final = Address(bytes.fromhex("70" * 20))
ESCROW: Final = Address(bytes.fromhex("e5" * 20))
PLEDGES: Final = Address(bytes.fromhex("9e" * 20))
CHECKOUT: Final = Address(bytes.fromhex("c0" * 20))
BLOCK: Final = BlockRef(CHAIN_ID, 7, Hash32(b"\x07" * 32), Hash32(b"\x06" * 32), 1_800_000_000)
TRANSACTION: Final = Hash32(b"\x77" * 32)
TERMS: Final = Terms(
    payer=Address(b"\x01" * 20),
    return_to=Address(b"\x02" * 20),
    amount=5 * 10**18,
    fee=10**18,
    fee_payee=Address(b"\x03" * 20),
    relay_fee=10**16,
    relay_receiver=Address(b"\x04" * 20),
    resolver=Address(b"\x05" * 20),
    guardian=Address(b"\x06" * 20),
    answer_by=1_800_600_000,
    quote_expiry=1_800_086_400,
    commitment=Hash32(b"\x0c" * 32),
)


def log_of(address: Address, topics: tuple[bytes, ...], data: bytes) -> RawLog:
    """A log in ``BLOCK``."""
    return RawLog(address, tuple(Hash32(topic) for topic in topics), data, BLOCK.hash, 3, TRANSACTION)


addresses: st.SearchStrategy[Address] = st.binary(min_size=20, max_size=20).map(Address)
hashes: st.SearchStrategy[Hash32] = st.binary(min_size=32, max_size=32).map(Hash32)
amounts = st.integers(0, 2**256 - 1)
times = st.integers(0, 2**64 - 1)
months = st.integers(0, 2**16 - 1)
any_gifts = st.builds(
    SignedGift,
    giver=addresses,
    cause=addresses,
    amount=amounts,
    months=months,
    memo=hashes,
    relay_fee=amounts,
    relay_receiver=addresses,
    valid_before=times,
    salt=hashes,
)
any_terms = st.builds(
    Terms,
    payer=addresses,
    return_to=addresses,
    amount=amounts,
    fee=amounts,
    fee_payee=addresses,
    relay_fee=amounts,
    relay_receiver=addresses,
    resolver=addresses,
    guardian=addresses,
    answer_by=times,
    quote_expiry=times,
    commitment=hashes,
)

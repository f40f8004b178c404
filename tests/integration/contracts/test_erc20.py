"""What a token says of itself, on a real node: good ones are read, and a hostile one gets nothing through."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from contracts import codec, erc20, typed_data
from contracts.chain import Deployment
from contracts.erc20 import Facts, Unsigned
from contracts.typed_data import EARNEST, Domain
from contracts.words import word
from kit.errors import Invalid
from kit.identifiers import Address
from tests.support.anvil import Anvil
from tests.support.tokens import dollar_token, odd_token, permit_token, text


def made_of(signature: bytes) -> tuple[int, bytes, bytes]:
    return signature[64] + 27 * (signature[64] < 2), signature[:32], signature[32:64]


@pytest.mark.parametrize("decimals", [0, 6, 18, 36])
def test_a_good_token_is_read(anvil: Anvil, decimals: int) -> None:
    token = permit_token(anvil, symbol="USDX", decimals=decimals, name="Some dollar")
    assert erc20.look(anvil.chain, token) == Facts("USDX", decimals, Domain("Some dollar", "1"), Unsigned.UNKNOWN)


def test_our_own_token_is_read_as_we_know_it(anvil: Anvil, deployment: Deployment) -> None:
    assert erc20.look(anvil.chain, deployment.token) == Facts("ERN", 18, EARNEST, EARNEST)


def test_a_token_tells_by_what_its_transfers_are_signed_and_is_believed_where_that_is_its_domain(anvil: Anvil) -> None:
    domain = Domain("Some Dollar", "2")
    assert erc20.look(anvil.chain, dollar_token(anvil)) == Facts("USDX", 6, domain, domain)
    assert erc20.look(anvil.chain, dollar_token(anvil, lies=True)) == Facts("USDX", 6, None, Unsigned.DOMAIN)


def test_a_permit_by_what_was_read_is_taken(anvil: Anvil) -> None:
    token, owner = permit_token(anvil, name="A name of its own"), anvil.signer("kim")
    domain, until = erc20.look(anvil.chain, token).domain, anvil.now() + 600
    assert domain is not None
    spender = anvil.signer("lea").address
    made = typed_data.permit(
        chain_id=anvil.chain.chain_id,
        token=token,
        owner=owner.address,
        spender=spender,
        value=7,
        nonce=0,
        deadline=until,
        domain=domain,
    )
    signature = owner.sign_digest(made.digest)
    call = codec.selector_of("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)") + encode(
        ["address", "address", "uint256", "uint256", "uint8", "bytes32", "bytes32"],
        [bytes(owner.address), bytes(spender), 7, until, *made_of(signature)],
    )
    assert anvil.send(anvil.signer("eve"), token, call).succeeded
    allowance = codec.encode_allowance(owner.address, spender)
    assert codec.decode_uint(anvil.chain.call(token, allowance)) == 7


@pytest.mark.parametrize(
    ("answer", "symbol"),
    [
        (text("ODD"), "ODD"),
        (b"MKR".ljust(32, b"\0"), "MKR"),
        (text("USDC.e"), "USDC.e"),
        (text("\uff25\uff32\uff2e"), "ERN"),
        (text("1INCH"), "1INCH"),
        (text(""), None),
        (text("123"), None),
        (text("0xdead"), None),
        (text("US D"), None),
        (text("\u202eNRE"), None),
        (text("ERN\u200b"), None),
        (text("\u0415RN"), None),
        (text("<b>X</b>"), None),
        (text("=SUM(A1)"), None),
        (text("A" * 12), None),
        (text("A" * 5_000), None),
        (text(b"\xff\xfe"), None),
        (text("A\nB"), None),
        (b"", None),  # without an end
        (word(32) + word(2**255) + b"A" * 32, None),
        (word(2**200) + word(3) + b"ABC".ljust(32, b"\0"), None),
        (b"AB", None),
    ],
)
def test_a_symbol_is_what_can_be_read_aloud_or_none(anvil: Anvil, answer: bytes, symbol: str | None) -> None:
    assert erc20.look(anvil.chain, odd_token(anvil, symbol=answer)) == Facts(symbol, 18, None)


@pytest.mark.parametrize("answer", [word(37), word(255), word(2**255), b"", b"\x12", text("18")])
def test_decimals_that_cannot_be_are_refused(anvil: Anvil, answer: bytes) -> None:
    with pytest.raises(Invalid, match="no decimals from 0 to 36"):
        erc20.look(anvil.chain, odd_token(anvil, decimals=answer))


def test_what_is_no_token_is_refused(anvil: Anvil, deployment: Deployment) -> None:
    with pytest.raises(Invalid, match="No contract stands"):
        erc20.look(anvil.chain, Address(b"\x77" * 20))
    with pytest.raises(Invalid, match="is no ERC-20"):
        erc20.look(anvil.chain, deployment.escrow)

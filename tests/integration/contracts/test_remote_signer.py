"""Signers: a key in memory and one that a real anvil holds pass the same tests; one that lies signs nothing for us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from eth_account import Account

from contracts.remote_signer import RemoteSigner
from contracts.signer import Signer, Transaction
from contracts.signers import KeySigner
from kit.errors import Invalid, SignerUnavailable
from kit.identifiers import Address, parse_address, show_address
from tests.support.anvil import CHAIN_ID, ETHER, Anvil
from tests.support.lying_node import LyingNode, reply

TARGET = Address(b"\x7c" * 20)
MEANT = Transaction(CHAIN_ID, 0, TARGET, b"\x01\x02", 90_000, 10**10, 10**9)
SECRET = b"\x21" * 32
KEY = KeySigner(SECRET)


@pytest.fixture
def remote() -> Iterator[Callable[..., RemoteSigner]]:
    """Makes remote signers, and closes them at the end."""
    made: list[RemoteSigner] = []

    def make(url: str, address: Address = KEY.address, **options: Any) -> RemoteSigner:  # noqa: ANN401 - its own
        made.append(RemoteSigner(url, address, **options))
        return made[-1]

    yield make
    for signer in made:
        signer.close()


Make = Callable[..., RemoteSigner]


@pytest.fixture(params=["in memory", "remote"])
def signer(request: pytest.FixtureRequest, fresh_anvil: Anvil, remote: Make) -> Signer:
    """A key with ether on a real chain: ours, or one of those that anvil holds itself."""
    if request.param == "in memory":
        fresh_anvil.set_balance(KEY.address, 100 * ETHER)
        return KEY
    return remote(fresh_anvil.url, parse_address(fresh_anvil.rpc("eth_accounts")[0]))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"data": b""},
        {"data": bytes(2000)},
        {"value": 10**18},
        {"priority_fee": 0},
        {"to": None, "data": bytes.fromhex("600a600c600039600a6000f3602a60005260206000f3")},
    ],
    ids=["as usual", "no data", "much data", "ether", "no tip", "a contract"],
)
def test_what_it_signs_is_taken_by_the_chain(signer: Signer, fresh_anvil: Anvil, changes: dict[str, Any]) -> None:
    signed = signer.sign_transaction(replace(MEANT, **changes))
    assert Account.recover_transaction(signed.raw) == show_address(signer.address)
    assert fresh_anvil.chain.send(signed.raw) == signed.hash
    fresh_anvil.rest()
    receipt = fresh_anvil.chain.receipt(signed.hash)
    assert receipt is not None
    assert receipt.succeeded
    assert fresh_anvil.chain.nonce(signer.address) == 1


def test_it_signs_for_any_nonce_and_does_not_ask_the_chain(signer: Signer) -> None:
    first, again = (signer.sign_transaction(replace(MEANT, nonce=nonce)) for nonce in (7, 2**40))
    assert first.hash != again.hash


def test_a_dearer_one_for_the_same_nonce_takes_the_others_place(signer: Signer, fresh_anvil: Anvil) -> None:
    fresh_anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    stuck, dearer = (signer.sign_transaction(replace(MEANT, max_fee=fee)) for fee in (10**10, 2 * 10**10))
    fresh_anvil.chain.send(stuck.raw)
    fresh_anvil.chain.send(signer.sign_transaction(replace(MEANT, max_fee=2 * 10**10, priority_fee=2 * 10**9)).raw)
    assert dearer.hash != stuck.hash
    fresh_anvil.mine()
    assert fresh_anvil.chain.receipt(stuck.hash) is None
    assert fresh_anvil.chain.nonce(signer.address, "latest") == 1


def test_it_is_shown_by_its_address_alone(signer: Signer) -> None:
    assert show_address(signer.address) in repr(signer)
    assert SECRET.hex() not in repr(signer)


def test_a_real_signer_says_which_keys_it_has(fresh_anvil: Anvil, remote: Make) -> None:
    held = remote(fresh_anvil.url, parse_address(fresh_anvil.rpc("eth_accounts")[1]))
    held.check()
    unheld = remote(fresh_anvil.url, TARGET)
    with pytest.raises(Invalid) as refused:
        unheld.check()
    assert refused.value.code == "signer_without_key"
    with pytest.raises(SignerUnavailable, match="refuses"):
        unheld.sign_transaction(MEANT)


def test_a_real_signer_of_another_chain_is_not_believed(fresh_anvil: Anvil, remote: Make) -> None:
    """Anvil signs for the chain it is on, whatever is asked."""
    held = remote(fresh_anvil.url, parse_address(fresh_anvil.rpc("eth_accounts")[0]))
    with pytest.raises(SignerUnavailable):
        held.sign_transaction(replace(MEANT, chain_id=1))


# ------------------------------------------------------------------------------------------- one that lies


def raw_of(signer: KeySigner = KEY, **changes: Any) -> str:  # noqa: ANN401 - any of its fields
    return "0x" + signer.sign_transaction(replace(MEANT, **changes)).raw.hex()


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "as geth wraps it"])
def test_an_honest_answer_is_taken(lying_node: LyingNode, remote: Make, wrapped: bool) -> None:  # noqa: FBT001
    lying_node.answers["eth_signTransaction"] = {"raw": raw_of(), "tx": {}} if wrapped else raw_of()
    assert remote(lying_node.url).sign_transaction(MEANT) == KEY.sign_transaction(MEANT)


LIES: list[Any] = [
    raw_of(to=Address(b"\x66" * 20)),
    raw_of(value=ETHER),
    raw_of(data=b"\x01\x03"),
    raw_of(nonce=1),
    raw_of(chain_id=1),
    raw_of(gas=90_001),
    raw_of(max_fee=10**12),
    raw_of(priority_fee=1),
    raw_of(KeySigner(b"\x22" * 32)),
    raw_of() + "00",
    raw_of()[:-2],
    raw_of()[2:],
    {"raw": raw_of(value=1)},
    {"tx": {}},
    [raw_of()],
    "0x",
    "0xzz",
    "",
    None,
    7,
    True,
    "0x02" + "f8" * 500_000,
]


@pytest.mark.parametrize("answer", LIES, ids=[f"lie {number}" for number in range(len(LIES))])
def test_a_lie_is_never_signed_for(lying_node: LyingNode, remote: Make, answer: Any) -> None:  # noqa: ANN401 - JSON
    lying_node.answers["eth_signTransaction"] = answer
    with pytest.raises(SignerUnavailable):
        remote(lying_node.url).sign_transaction(MEANT)


def test_a_refusal_is_told_and_it_is_asked_again(lying_node: LyingNode, remote: Make) -> None:
    signer = remote(lying_node.url)
    lying_node.errors["eth_signTransaction"] = {"code": -32000, "message": "Request\n denied"}
    with pytest.raises(SignerUnavailable, match=r"refuses: Request denied \(-32000\)"):
        signer.sign_transaction(MEANT)
    del lying_node.errors["eth_signTransaction"]
    lying_node.answers["eth_signTransaction"] = raw_of()
    assert signer.sign_transaction(MEANT).raw


def much(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    reply(handler, b"x" * (2**20 + 1))


def broken(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    reply(handler, b"no", status=502)


@pytest.mark.parametrize("lie", [much, broken])
def test_nonsense_is_bounded_and_said(
    lying_node: LyingNode, remote: Make, lie: Callable[[BaseHTTPRequestHandler, bytes], None]
) -> None:
    lying_node.lie = lie
    with pytest.raises(SignerUnavailable, match="The signer at 127"):
        remote(lying_node.url).sign_transaction(MEANT)


def test_one_that_is_silent_is_left_alone_for_a_while_longer_each_time(lying_node: LyingNode, remote: Make) -> None:
    def silent(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        lying_node.stopping.wait()
        handler.close_connection = True

    moment = [0.0]
    signer = remote(lying_node.url, timeout=0.2, time=lambda: moment[0])
    lying_node.lie = silent
    asked = []
    for second in range(40):
        moment[0] = float(second)
        with pytest.raises(SignerUnavailable):
            signer.sign_transaction(MEANT)
        asked.append(len(lying_node.asked))
    times = [second for second in range(40) if asked[second] > (asked[second - 1] if second else 0)]
    assert times == [0, 5, 15, 35]
    lying_node.lie = None
    lying_node.answers["eth_signTransaction"] = raw_of()
    moment[0] = 100.0
    assert signer.sign_transaction(MEANT).raw


@pytest.mark.parametrize(
    "url", ["", "ftp://signer", "http://", "http://u:secret@[bad", "secret", "http://signer:99999/secret"]
)
def test_what_is_no_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        RemoteSigner(url, KEY.address, setting="EARNEST_RESOLVER_SIGNER")
    assert refused.value.code == "signer_url_malformed"
    assert "EARNEST_RESOLVER_SIGNER" in refused.value.message
    assert "secret" not in refused.value.message
    assert refused.value.__suppress_context__


def test_the_secrets_in_its_url_are_sent_and_shown_nowhere(lying_node: LyingNode, remote: Make) -> None:
    url = lying_node.url.replace("http://", "http://earnest:hush-hush@") + "/a-path-of-secrets?key=deep-secret"
    signer = remote(url)
    lying_node.errors["eth_signTransaction"] = {"code": 1, "message": "no"}
    with pytest.raises(SignerUnavailable) as refused:
        signer.sign_transaction(MEANT)
    shown = f"{signer!r} {signer} {refused.value} {refused.value!r} {signer.place}"
    for secret in ("hush-hush", "a-path-of-secrets", "deep-secret"):
        assert secret not in shown
    assert lying_node.headers[0]["authorization"].startswith("Basic ")

"""The keystore: keys that are encrypted, private, never written over, and shown nowhere."""

import copy
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.backends import get_backend
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from contracts.signer import Transaction
from contracts.signers import (
    LIGHT_KDF_WORK,
    KeySigner,
    create_key,
    import_key,
    key_address,
    load_signer,
    signer_from_file,
    signer_from_secret,
)
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, Hash32, parse_address, show_address

PASSWORD = "correct horse battery staple"
SECRET = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
SECRET_ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TRANSACTION = Transaction(
    chain_id=31337, nonce=3, to=Address(b"\x11" * 20), data=b"\x01\x02", gas=90_000, max_fee=10**10, priority_fee=10**9
)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keystore"


def make(keystore: Path, name: str = "resolver") -> Address:
    return create_key(keystore, name, PASSWORD, kdf_work=LIGHT_KDF_WORK)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_that_was_made_can_be_opened(keystore: Path) -> None:
    address = make(keystore)
    assert load_signer(keystore, "resolver", PASSWORD).address == address
    assert key_address(keystore, "resolver") == address


def test_two_keys_differ(keystore: Path) -> None:
    assert make(keystore) != make(keystore, "relayer")


def test_only_the_owner_may_read_and_nothing_else_is_left_behind(keystore: Path) -> None:
    before = os.umask(0)
    try:
        make(keystore)
    finally:
        os.umask(before)
    assert mode(keystore) == 0o700
    assert mode(keystore / "resolver.json") == 0o600
    assert [path.name for path in keystore.iterdir()] == ["resolver.json"]


def test_a_folder_that_stood_open_is_closed(keystore: Path) -> None:
    keystore.mkdir(parents=True, mode=0o755)
    make(keystore)
    assert mode(keystore) == 0o700


def test_a_key_is_never_written_over(keystore: Path) -> None:
    make(keystore)
    before = (keystore / "resolver.json").read_bytes()
    with pytest.raises(Conflict, match="never written over"):
        make(keystore)
    with pytest.raises(Conflict):
        import_key(keystore, "resolver", PASSWORD, SECRET, kdf_work=LIGHT_KDF_WORK)
    assert (keystore / "resolver.json").read_bytes() == before


def test_of_two_who_make_the_same_key_at_once_one_succeeds(keystore: Path) -> None:
    def attempt(_: int) -> Address | None:
        try:
            return make(keystore)
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [address for address in pool.map(attempt, range(8)) if address is not None]
    assert made == [key_address(keystore, "resolver")]
    assert [path.name for path in keystore.iterdir()] == ["resolver.json"]


def test_a_write_that_fails_leaves_nothing(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make(keystore)
    assert list(keystore.iterdir()) == []


def test_the_file_is_web3_secret_storage_that_others_open(keystore: Path) -> None:
    address = make(keystore)
    document = json.loads((keystore / "resolver.json").read_text())
    assert document["version"] == 3
    assert document["crypto"]["kdf"] == "scrypt"
    assert Account.from_key(Account.decrypt(document, PASSWORD)).address == show_address(address)


def test_the_specifications_own_file_is_opened(keystore: Path) -> None:
    """The scrypt example of the Web3 Secret Storage definition (its key is 7a28b5ba…)."""
    document = {
        "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
            "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
            "kdf": "scrypt",
            "kdfparams": {
                "dklen": 32,
                "n": 262144,
                "r": 1,
                "p": 8,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
            },
            "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    }
    keystore.mkdir(parents=True)
    (keystore / "example.json").write_text(json.dumps(document))
    secret = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
    assert load_signer(keystore, "example", "testpassword").address == KeySigner(secret).address


@pytest.mark.parametrize("text", [SECRET, "0x" + SECRET, f"  0X{SECRET.upper()}\n"])
def test_a_key_is_imported(keystore: Path, text: str) -> None:
    address = import_key(keystore, "relayer", PASSWORD, text, kdf_work=LIGHT_KDF_WORK)
    assert show_address(address) == SECRET_ADDRESS
    assert load_signer(keystore, "relayer", PASSWORD).address == address


@pytest.mark.parametrize("text", ["", "0x", SECRET[:-1], SECRET + "0", "z" + SECRET[1:], "00" * 32, f"{ORDER:064x}"])
def test_what_is_no_key_is_not_imported_and_not_shown(keystore: Path, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        import_key(keystore, "relayer", PASSWORD, text, kdf_work=LIGHT_KDF_WORK)
    assert len(text) < 8 or text not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    assert not keystore.exists()


def test_a_wrong_password_is_told_apart_from_a_damaged_file(keystore: Path) -> None:
    make(keystore)
    with pytest.raises(Invalid) as wrong:
        load_signer(keystore, "resolver", "password1")
    assert wrong.value.code == "keystore_password_wrong"
    assert "password1" not in str(wrong.value)


def test_an_empty_password_is_refused(keystore: Path) -> None:
    with pytest.raises(Invalid, match="password"):
        create_key(keystore, "resolver", "", kdf_work=LIGHT_KDF_WORK)


def test_a_missing_key_is_not_found(keystore: Path) -> None:
    with pytest.raises(NotFound, match="earnest keys create"):
        load_signer(keystore, "resolver", PASSWORD)
    with pytest.raises(NotFound):
        key_address(keystore, "resolver")


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "UPPER", "a" * 41, "a.json", "a\0", "ü"])
def test_a_name_is_only_a_name(keystore: Path, name: str) -> None:
    for use in (make, key_address, lambda folder, key: load_signer(folder, key, PASSWORD)):
        with pytest.raises(Invalid, match="name"):
            use(keystore, name)


@pytest.mark.parametrize("work", [0, 1, 3, 1000, 2**21, -4096])
def test_a_cost_that_scrypt_or_we_do_not_take_is_refused(keystore: Path, work: int) -> None:
    with pytest.raises(Invalid, match="scrypt"):
        create_key(keystore, "resolver", PASSWORD, kdf_work=work)


Json = dict[str, Any]


def without(document: Json, key: str) -> Json:
    return {name: value for name, value in document.items() if name != key}


def crypto(document: Json, **changes: Any) -> Json:  # noqa: ANN401 - JSON
    return document | {"crypto": document["crypto"] | changes}


def kdf(document: Json, **changes: Any) -> Json:  # noqa: ANN401 - JSON
    return crypto(document, kdfparams=document["crypto"]["kdfparams"] | changes)


DAMAGES: dict[str, Callable[[Json], Any]] = {
    "a list": lambda document: [document],
    "version 4": lambda document: document | {"version": 4},
    "no crypto": lambda document: without(document, "crypto"),
    "no address": lambda document: without(document, "address"),
    "another address": lambda document: document | {"address": "00" * 20},
    "a number for an address": lambda document: document | {"address": 7},
    "a ciphertext cut short": lambda document: crypto(document, ciphertext=document["crypto"]["ciphertext"][:-2]),
    "no ciphertext": lambda document: document | {"crypto": without(document["crypto"], "ciphertext")},
    "an unknown kdf": lambda document: crypto(document, kdf="argon2"),
    "scrypt for a terabyte": lambda document: kdf(document, n=2**30),
    "scrypt in a million lanes": lambda document: kdf(document, p=10**6),
    "pbkdf2 for a year": lambda document: crypto(kdf(document, c=2**60, prf="hmac-sha256"), kdf="pbkdf2"),
    "a cost of minus one": lambda document: kdf(document, n=-1),
    "a cost in words": lambda document: kdf(document, n="many"),
}


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_refused_in_a_sentence(keystore: Path, change: Callable[[Json], Any]) -> None:
    make(keystore)
    path = keystore / "resolver.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(Invalid) as refused:
        load_signer(keystore, "resolver", PASSWORD)
    assert refused.value.code in {"key_damaged", "keystore_password_wrong"}
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 9_000, b"x" * 10_001])
def test_a_file_that_is_no_json_is_refused(keystore: Path, content: bytes) -> None:
    make(keystore)
    (keystore / "resolver.json").write_bytes(content)
    with pytest.raises(Invalid, match="damaged"):
        load_signer(keystore, "resolver", PASSWORD)


def test_the_secret_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    signer = KeySigner(bytes.fromhex(SECRET))
    signer.sign_digest(Hash32(b"\x01" * 32))
    signer.sign_transaction(TRANSACTION)
    shown = f"{signer!r} {signer} {vars(type(signer))} {[getattr(signer, name) for name in ('address',)]} {caplog.text}"
    for form in (SECRET, str(int(SECRET, 16)), str(bytes.fromhex(SECRET))):
        assert form not in shown
    assert repr(signer) == f"<KeySigner {SECRET_ADDRESS}>"
    assert not hasattr(signer, "__dict__")


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signer_is_neither_pickled_nor_copied(carry: Any) -> None:  # noqa: ANN401 - three functions of other types
    with pytest.raises(TypeError, match="neither"):
        carry(KeySigner(bytes.fromhex(SECRET)))


@given(st.binary(min_size=32, max_size=32))
def test_a_signature_is_canonical_and_recovers_to_the_signer(digest: bytes) -> None:
    signer = KeySigner(bytes.fromhex(SECRET))
    signature = signer.sign_digest(Hash32(digest))
    assert len(signature) == 65
    assert signature[64] in (27, 28)
    assert 0 < int.from_bytes(signature[32:64]) <= ORDER // 2
    assert Account._recover_hash(digest, signature=signature) == SECRET_ADDRESS


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_digest_of_another_length_is_not_signed(size: int) -> None:
    with pytest.raises(Invalid, match="32 bytes"):
        KeySigner(bytes.fromhex(SECRET)).sign_digest(Hash32(bytes(size)))


@pytest.mark.parametrize("to", [Address(b"\x11" * 20), None])
def test_a_transaction_is_signed_as_it_was_meant(to: Address | None) -> None:
    signer = KeySigner(bytes.fromhex(SECRET))
    meant = Transaction(
        chain_id=31337, nonce=3, to=to, data=b"\x01\x02", gas=90_000, max_fee=10**10, priority_fee=10**9, value=7
    )
    signed = signer.sign_transaction(meant)
    assert signed.hash == keccak(signed.raw)
    assert Account.recover_transaction(signed.raw) == SECRET_ADDRESS
    fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert (fields["type"], fields["chainId"], fields["nonce"], fields["gas"]) == (2, 31337, 3, 90_000)
    assert (fields["maxFeePerGas"], fields["maxPriorityFeePerGas"], fields["value"]) == (10**10, 10**9, 7)
    assert (bytes(fields["to"]), bytes(fields["data"])) == (to or b"", b"\x01\x02")


def test_a_persons_own_key_file_is_opened_wherever_it_lies(keystore: Path, tmp_path: Path) -> None:
    """Under any name, and without the address that some wallets leave out."""
    address = make(keystore)
    elsewhere = tmp_path / "UTC--2026-11-22T00-00-00.000Z--my wallet"
    elsewhere.write_text(json.dumps(without(json.loads((keystore / "resolver.json").read_text()), "address")))
    assert signer_from_file(elsewhere, PASSWORD).address == address
    with pytest.raises(Invalid, match="password"):
        signer_from_file(elsewhere, "another")
    with pytest.raises(NotFound):
        signer_from_file(tmp_path / "nowhere", PASSWORD)


def test_a_bare_key_signs_and_what_is_none_is_not_shown() -> None:
    assert show_address(signer_from_secret(f" 0x{SECRET}\n").address) == SECRET_ADDRESS
    with pytest.raises(Invalid) as refused:
        signer_from_secret(SECRET + "0")
    assert SECRET not in str(refused.value)


def test_signing_is_done_by_the_fast_library() -> None:
    """Without coincurve every signature takes 30 times as long, and not in constant time."""
    assert isinstance(get_backend(), CoinCurveECCBackend)


def test_the_example_address_is_right() -> None:
    assert KeySigner(bytes.fromhex(SECRET)).address == parse_address(SECRET_ADDRESS)


def test_no_process_begins_with_a_library_of_keys_and_its_coming_changes_no_limit() -> None:
    program = """
import sys
import app.container
from contracts.signers import signer_from_secret
limit = sys.getrecursionlimit()
assert not {"eth_account", "py_ecc", "web3"} & set(sys.modules), "it takes as long to import as all the rest"
signer_from_secret("11" * 32)
assert {"eth_account", "py_ecc"} <= set(sys.modules)
assert sys.getrecursionlimit() == limit, "a stranger's nested text could crash the process"
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])

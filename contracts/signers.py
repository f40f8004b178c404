"""Signers: keys in encrypted files (Web3 Secret Storage, version 3), and what signs with them.

A key file is ``<name>.json`` in the keystore's folder: mode 0600 in a folder of mode 0700, written whole or not at all,
never over another. The secret leaves this file in no form: no ``repr``, no log, no pickle, no message of an error.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from eth_typing import Hash32 as EthHash32

from contracts.signer import SignedTransaction, Transaction
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, Hash32, parse_address, show_address

if TYPE_CHECKING:
    from eth_account import Account

KDF_WORK: Final = 2**18
"""scrypt's cost N for keys that guard something: about a second and 256 MB."""
LIGHT_KDF_WORK: Final = 2**12
"""scrypt's cost for tests and worlds of play: a few milliseconds, no protection worth the name."""

_LEAST_KDF_WORK: Final = 2
_MOST_KDF_WORK: Final = 2**20
_MOST_PBKDF2_ROUNDS: Final = 2**24
_MOST_BYTES: Final = 10_000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SECRET: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")
_HASH: Final = 32
_IMPORTING: Final = threading.Lock()


class KeySigner:
    """A signer (``contracts.signer.Signer``) whose key is in memory."""

    __slots__ = ("__account", "_address")

    def __init__(self, secret: bytes) -> None:
        """Sign with the 32-byte ``secret``. Raises ``Invalid`` for one that is no key of secp256k1."""
        try:
            # The library's own message would show the secret.
            account = _accounts().from_key(bytes(secret))
        except Exception:  # noqa: BLE001 - whatever it was, it must not be shown
            raise Invalid("key_malformed", "That is not a private key.") from None
        self.__account = account
        self._address = parse_address(account.address)

    @property
    def address(self) -> Address:
        """The key's address."""
        return self._address

    def sign_transaction(self, transaction: Transaction) -> SignedTransaction:
        """Sign an EIP-1559 transaction."""
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "data": transaction.data,
            "gas": transaction.gas,
            "maxFeePerGas": transaction.max_fee,
            "maxPriorityFeePerGas": transaction.priority_fee,
            "value": transaction.value,
        }
        if transaction.to is not None:
            fields["to"] = show_address(transaction.to)
        signed = self.__account.sign_transaction(fields)
        return SignedTransaction(bytes(signed.raw_transaction), Hash32(bytes(signed.hash)))

    def sign_digest(self, digest: Hash32) -> bytes:
        """Sign a 32-byte digest; 65 bytes r ‖ s ‖ v with v in {27, 28}, s in the lower half (EIP-2)."""
        if len(digest) != _HASH:
            raise Invalid("digest_malformed", f"A digest has {_HASH} bytes.")
        return bytes(self.__account.unsafe_sign_hash(EthHash32(digest)).signature)

    def __repr__(self) -> str:
        return f"<KeySigner {show_address(self._address)}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = "a signer is neither pickled nor copied"
        raise TypeError(message)


def _accounts() -> Account:
    """Return the library that knows keys; imported when a key is asked for, for it takes as long as all the rest."""
    with _IMPORTING:
        limit = sys.getrecursionlimit()
        from eth_account import Account  # noqa: PLC0415 - most processes open no key

        # py_ecc, which comes with it, lets Python recurse 100,000 deep. A text of a stranger's that is nested as deep
        # as that (JSON, say) then crashes the process, where Python's own limit makes it a RecursionError.
        sys.setrecursionlimit(limit)
    return Account()


def create_key(directory: Path, name: str, password: str, *, kdf_work: int = KDF_WORK) -> Address:
    """Make a fresh key from the system's randomness, keep it encrypted as ``name``, and return its address.

    ``name`` is lower-case letters, digits, ``-`` and ``_``. Raises ``Conflict`` where there is a key of that name.
    """
    return _keep(directory, name, password, secrets.token_bytes(_HASH), kdf_work)


def import_key(directory: Path, name: str, password: str, secret: str, *, kdf_work: int = KDF_WORK) -> Address:
    """Keep a key that is already there (64 hexadecimal digits, ``0x`` or not), and return its address."""
    return _keep(directory, name, password, _secret_bytes(secret), kdf_work)


def load_signer(directory: Path, name: str, password: str) -> KeySigner:
    """Open the key of that name. Raises ``NotFound``, or ``Invalid`` for a wrong password or a damaged file."""
    path = _path(directory, name)
    signer = signer_from_file(path, password)
    if signer.address != _address_in(_read(path), path):
        raise _damaged(path)
    return signer


def signer_from_file(path: Path, password: str) -> KeySigner:
    """Open a person's own key file (Web3 Secret Storage, version 3), wherever it lies and whatever it is called."""
    document = _read(path)
    _bound_work(document, path)
    try:
        secret = bytes(_accounts().decrypt(document, password))
    except Exception as error:  # noqa: BLE001 - a damaged file fails in every way there is
        if "MAC mismatch" in str(error):
            raise Invalid("keystore_password_wrong", f"The password does not open {path}.", name=path.stem) from None
        raise _damaged(path) from None
    return KeySigner(secret)


def signer_from_secret(secret: str) -> KeySigner:
    """Sign with a bare key: 64 hexadecimal digits, ``0x`` or not. Raises ``Invalid`` for anything else."""
    return KeySigner(_secret_bytes(secret))


def key_address(directory: Path, name: str) -> Address:
    """Return the address that a key file tells without its password. Raises ``NotFound`` or ``Invalid``."""
    path = _path(directory, name)
    return _address_in(_read(path), path)


def _secret_bytes(text: str) -> bytes:
    found = _SECRET.fullmatch(text.strip())
    if not found:
        raise Invalid("key_malformed", "A private key is 64 hexadecimal digits.")
    return bytes.fromhex(found.group(1))


def _keep(directory: Path, name: str, password: str, secret: bytes, kdf_work: int) -> Address:
    path = _path(directory, name)
    if not password:
        raise Invalid("keystore_password_empty", "A keystore needs a password.")
    if not _LEAST_KDF_WORK <= kdf_work <= _MOST_KDF_WORK or kdf_work & (kdf_work - 1):
        raise Invalid("kdf_work_malformed", f"scrypt's cost is a power of two up to {_MOST_KDF_WORK}.")
    address = KeySigner(secret).address
    if path.exists():
        raise _taken(path)
    document = _accounts().encrypt(secret, password, kdf="scrypt", iterations=kdf_work)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    _write_new(path, json.dumps(document).encode())
    return address


def _write_new(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 whole or not at all, durably, and never over another."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # unlike a rename, it fails where the name is taken
    except FileExistsError:
        raise _taken(path) from None
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _path(directory: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise Invalid("key_name_malformed", "A key's name is lower-case letters, digits, - and _.")
    return directory / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("key_missing", f"There is no key {path}; `earnest keys create` makes it.") from None
    except OSError as error:
        raise Invalid("key_unreadable", f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > _MOST_BYTES:
        raise _damaged(path)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(document, dict) or document.get("version") != 3:  # noqa: PLR2004 - the format's own number
        raise _damaged(path)
    return document


def _bound_work(document: dict[str, Any], path: Path) -> None:
    """Refuse a file that would have us use unbounded memory or time to open it."""
    crypto = document.get("crypto", document.get("Crypto"))
    parameters = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(parameters, dict):
        raise _damaged(path)
    bounds = {"n": _MOST_KDF_WORK, "r": 8, "p": 8, "c": _MOST_PBKDF2_ROUNDS, "dklen": 64}
    for key, most in bounds.items():
        value = parameters.get(key, 1)
        if not isinstance(value, int) or not 1 <= value <= most:
            raise _damaged(path)


def _address_in(document: dict[str, Any], path: Path) -> Address:
    text = document.get("address")
    if not isinstance(text, str):
        raise _damaged(path)
    try:
        return parse_address("0x" + text.lower().removeprefix("0x"))
    except Invalid:
        raise _damaged(path) from None


def _damaged(path: Path) -> Invalid:
    return Invalid("key_damaged", f"{path} is not a Web3 Secret Storage file of version 3, or it is damaged.")


def _taken(path: Path) -> Conflict:
    return Conflict("key_exists", f"There is a key {path} already; it is never written over.")

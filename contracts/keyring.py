"""The keyring: which keys each role of the service has, and where each of them is: in the keystore, or elsewhere.

``keys.json`` in the keystore's folder names a role's keys, the current one first: a key file's name, or the address of
a key that the role's remote signer holds. A role that it does not name has the key file of its own name. It is written
whole or not at all, so that whoever reads it meanwhile sees the one or the other.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.remote_signer import RemoteSigner
from contracts.signer import Signer
from contracts.signers import KDF_WORK, create_key, key_address, load_signer
from kit.errors import Invalid
from kit.identifiers import Address, parse_address, show_address

_LIST: Final = "keys.json"
_MOST_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the service: in the keystore under ``file``, or (``None``) held by its role's remote signer."""

    role: str
    address: Address
    file: str | None


class Keyring:
    """The service's keys. Whether the list is another one is looked at whenever it is used; a key is opened once."""

    def __init__(
        self,
        folder: Path,
        *,
        password: Callable[[], str | None],
        signers: Mapping[str, str | None],
        kdf_work: int = KDF_WORK,
    ) -> None:
        """Keep keys in ``folder``; ``signers``: each role's remote signer, as a URL."""
        self._folder = folder
        self._list = str(folder / _LIST)
        self._password = password
        self._urls = signers
        self._kdf_work = kdf_work
        self._opened: dict[Key, Signer] = {}
        self._opening = threading.Lock()
        self._read: tuple[object, dict[str, tuple[Key, ...]]] = (None, {})

    def current(self, role: str) -> Key:
        """Return the key that a role uses for what is new. Raises ``NotFound`` where it has none."""
        return self.keys(role)[0]

    def keys(self, role: str) -> tuple[Key, ...]:
        """Return all keys of a role, the current one first. Raises ``NotFound``, ``Invalid`` for a damaged list."""
        mark, found = self._mark(), self._read
        if found[0] != mark:
            found = self._read = (mark, {})
        if role not in found[1]:
            named = self._named().get(role, [role])
            found[1][role] = tuple(self._key(role, name) for name in named)
        return found[1][role]

    def has(self, role: str) -> bool:
        """Tell whether a role has a key already."""
        return role in self._named() or (self._folder / f"{role}.json").exists()

    def signer(self, key: Key) -> Signer:
        """Open a key. Raises ``Invalid`` where nothing opens it, or nothing says who holds it."""
        with self._opening:
            if key not in self._opened:
                self._opened[key] = self._open(key)
            return self._opened[key]

    def check(self, key: Key) -> str:
        """Make sure that a key can sign; return where it is. Raises as ``signer`` does, and ``SignerUnavailable``."""
        signer = self.signer(key)
        if not isinstance(signer, RemoteSigner):
            return "in the keystore"
        signer.check()
        return f"at the signer {signer.place}"

    def use_remote(self, role: str, address: Address) -> Key:
        """Let a role without a key have one that its remote signer holds, and which it says it has."""
        key = Key(role, address, None)
        self.check(key)
        with self._changing():
            self._write(self._named() | {role: [show_address(address)]})
        return key

    def make(self, role: str) -> Key:
        """Make a key in the keystore that no role uses yet.

        A file that lies there already is never taken, though no role may name it: it may have been stolen.
        """
        password = self._password()
        if password is None:
            raise _locked()
        with self._changing():
            named = self._named().get(role, [role])
            number = 2
            while (name := f"{role}-{number}") in named or (self._folder / f"{name}.json").exists():
                number += 1
            create_key(self._folder, name, password, kdf_work=self._kdf_work)
        key = self._key(role, name)
        self.signer(key)  # one that cannot be opened must not be the current one
        return key

    def switch(self, key: Key) -> None:
        """Let a key be its role's current one; those before it stay, to finish what they began."""
        self.check(key)
        name = show_address(key.address) if key.file is None else key.file
        with self._changing():
            named = self._named()
            names = named.get(key.role, [key.role])
            self._write(named | {key.role: [name, *(other for other in names if other != name)]})

    def close(self) -> None:
        """Close what was opened."""
        for signer in self._opened.values():
            if isinstance(signer, RemoteSigner):
                signer.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let nobody else change the list between reading and writing it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _mark(self) -> object:
        """Return what changes whenever the list does."""
        try:
            seen = os.stat(self._list)  # noqa: PTH116 - every knock comes by here: a path object takes its time
        except OSError:
            return "none"
        return seen.st_ino, seen.st_mtime_ns, seen.st_size

    def _key(self, role: str, name: str) -> Key:
        if name.startswith("0x"):
            return Key(role, parse_address(name), None)
        return Key(role, key_address(self._folder, name), name)

    def _open(self, key: Key) -> Signer:
        if key.file is None:
            setting = f"EARNEST_{key.role.upper()}_SIGNER"
            url = self._urls.get(key.role)
            if url is None:
                raise Invalid(
                    "signer_unset",
                    f"The {key.role}'s key {show_address(key.address)} is not in the keystore: set {setting}.",
                )
            return RemoteSigner(url, key.address, setting=setting)
        password = self._password()
        if password is None:
            raise _locked()
        return load_signer(self._folder, key.file, password)

    def _named(self) -> dict[str, list[str]]:
        path = self._folder / _LIST
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Invalid("key_unreadable", f"{path} cannot be read: {error.strerror}.") from None
        try:
            named = json.loads(content) if len(content) <= _MOST_BYTES else None
        except (ValueError, RecursionError):
            named = None
        if not isinstance(named, dict) or not all(map(_is_list, named.values())):
            raise Invalid("keys_damaged", f"{path} is no list of each role's keys, or it is damaged.")
        return named

    def _write(self, named: Mapping[str, list[str]]) -> None:
        """Replace the list, whole or not at all, durably."""
        path = self._folder / _LIST
        draft = path.with_name(f".{_LIST}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(named, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _is_list(names: object) -> bool:
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)


def _locked() -> Invalid:
    return Invalid("keystore_locked", "The keystore has no password: set EARNEST_KEYSTORE_PASSWORD_FILE.")

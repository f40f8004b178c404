"""How long the tree of an epoch takes, with the proof of everybody on it, beside OpenZeppelin's own library."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.merkle import Payouts
from kit.identifiers import Address, Hash32, show_address

_PEER: Final = "npm @openzeppelin/merkle-tree"
_PROGRAM: Final = Path(__file__).with_name("_merkle_peer.cjs")
_PAYEES: Final = 100_000
_ROUNDS: Final = 5


def proofs() -> Mapping[str, Any]:
    """Seconds for 100,000 payees: their tree, and the proof of each of them.

    The peer checks each proof that it makes, which is most of its time (so it makes a tenth of them, and its time is
    taken ten times): its own tree is among the details.
    """
    chance = random.Random(48)
    payouts = [(Address(chance.randbytes(20)), chance.randrange(10**24)) for _ in range(_PAYEES)]
    rounds = [_ours(payouts) for _ in range(_ROUNDS)]
    trees, all_proofs = (statistics.median(part) for part in zip(*(took for took, _, _ in rounds), strict=True))
    theirs = _theirs(payouts)
    _, root, last = rounds[0]
    assert theirs["root"] == "0x" + root.hex(), "both make the same tree"
    assert theirs["last"] == ["0x" + node.hex() for node in last], "and the same proofs"
    return {
        "value": round(statistics.median(sum(took) for took, _, _ in rounds), 2),
        "unit": "s",
        "better": "lower",
        "limit": 2.0,
        "peers": {_PEER: round(theirs["tree"] + theirs["proofs"], 2)},
        "details": {"tree": round(trees, 2), "proofs": round(all_proofs, 2), "peer's tree": round(theirs["tree"], 2)},
    }


def _ours(payouts: list[tuple[Address, int]]) -> tuple[tuple[float, float], Hash32, tuple[Hash32, ...]]:
    begun = time.perf_counter()
    tree = Payouts.of(payouts)
    built = time.perf_counter()
    made = [tree.proof(number) for number in range(len(payouts))]
    proved = time.perf_counter()
    return (built - begun, proved - built), tree.root, made[-1]


def _theirs(payouts: list[tuple[Address, int]]) -> Any:  # noqa: ANN401 - JSON
    node = shutil.which("node")
    assert node, "`make bench` finds or installs Node"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payouts.json"
        path.write_text(json.dumps([[show_address(payee), str(amount)] for payee, amount in payouts]))
        return json.loads(subprocess.run([node, str(_PROGRAM), str(path)], check=True, capture_output=True).stdout)


BENCHMARKS = {"proofs": proofs}

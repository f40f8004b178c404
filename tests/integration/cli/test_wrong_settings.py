"""Settings of what asks strangers' servers, where they are wrong: told at once by who asks, and no harm to the rest."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli.local.world import earnest_program
from kit.database import Database
from kit.errors import Invalid
from tests.support.services import ALICE, a_container

WRONG = [
    ("EARNEST_PRIVATE_NETWORKS", "127.0.0.1/8", "127.0.0.1/8 has host bits set"),
    ("EARNEST_EXTRA_AUTHORITY", "missing.pem", "missing.pem has no certificate authorities"),
]


@pytest.mark.parametrize("process", ["api", "worker"])
@pytest.mark.parametrize(("name", "value", "why"), WRONG)
def test_a_process_that_asks_strangers_servers_does_not_begin(
    tmp_path: Path, process: str, name: str, value: str, why: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "EARNEST_DATA": str(tmp_path), name: value}
    words = [str(earnest_program()), process]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Check EARNEST_PRIVATE_NETWORKS and EARNEST_EXTRA_AUTHORITY.\n" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_asks_nobody_goes_on(tmp_path: Path, database: Database) -> None:
    container = a_container(tmp_path, database, private_networks="nonsense")
    with container.work() as work:
        alice = work.people.number(ALICE)
        with pytest.raises(Invalid, match="EARNEST_PRIVATE_NETWORKS"):
            work.webhooks.add(alice, "https://example.org/")

"""`earnest demo`: exit 0 only if everything came true, each step with what was observed; and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.worlds import processes_of

pytestmark = pytest.mark.homeserver
EARNEST = Path(sys.executable).with_name("earnest")
# The same command, told that 6 ERN are expected where the door asks 5.
DISBELIEVING = """
import cli.demo.acts
from cli.main import main
cli.demo.acts.STAKE = 6 * 10**18
main(["demo", "knock"])
"""


def test_the_story_comes_true(tmp_path: Path) -> None:
    found = subprocess.run(
        [str(EARNEST), "demo", "knock", "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(found.stdout)
    assert answer["fault"] is None
    assert answer["came_true"]
    assert found.returncode == 0
    assert len(answer["steps"]) == 15
    assert all(step["observed"] for step in answer["steps"])
    assert '"errcode": "M_FORBIDDEN"' in "\n".join(answer["steps"][1]["observed"])
    staked = "\n".join(answer["steps"][2]["observed"])
    assert "5 ERN staked + 0 ERN unsolicited = 5 ERN in the escrow" in staked
    assert "stake opened: 5 ERN from wallet" in staked
    assert "Everything holds." in "\n".join(answer["steps"][-1]["observed"])
    assert answer["folder"] is None
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def test_what_does_not_come_true_fails_the_demo_and_keeps_its_logs(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", DISBELIEVING],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "✗ expected: a price of 5 ERN; seen:" in found.stdout
    assert "Not true: " in found.stdout
    (folder,) = tmp_path.iterdir()
    assert f"with the logs of every process: {folder}" in found.stdout
    assert (folder / "logs" / "api.log").exists()
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_demo_that_is_stopped_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [str(EARNEST), "demo"], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("1. "):
                break
        demo.send_signal(number)
        rest = demo.stdout.read()
    assert demo.returncode == (1 if number is signal.SIGINT else -signal.SIGKILL)
    assert ("stopped by hand" in rest) is (number is signal.SIGINT)
    while processes_of(tmp_path):
        time.sleep(0.1)

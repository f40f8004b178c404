"""Accounting programs for tests: the real ones read our journals; a test skips with how to get them where they lack."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_BEAN_CHECK = ROOT / ".venv-accounting" / "bin" / "bean-check"


def hledger(journal: Path) -> str:
    """Let hledger check a journal as strictly as it can; what it says of a wrong one."""
    program = shutil.which("hledger")
    if program is None:
        pytest.skip("no hledger: apt-get install -y --no-install-recommends hledger")
    return _run(program, "-f", str(journal), "check", "--strict")


def beancount(journal: Path) -> str:
    """Let Beancount (GPL-2.0: run beside us, never imported) check a journal; what it says of a wrong one."""
    program = str(_BEAN_CHECK) if _BEAN_CHECK.exists() else shutil.which("bean-check")
    if program is None:
        pytest.skip("no bean-check: `make test` installs it")
    return _run(program, "--no-cache", str(journal))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LANG": "C.UTF-8"})
    said = done.stdout + done.stderr
    return said.strip() or ("" if done.returncode == 0 else f"ended with {done.returncode}")

"""How many deaths tests play, and which: ``--killed=all`` for all, ``--killed-seed`` for those of an earlier run."""

from __future__ import annotations

import secrets

import pytest


@pytest.fixture(scope="session")
def drawn_from(request: pytest.FixtureRequest) -> int:
    """What the deaths are drawn from: the same number draws the same ones again."""
    given: int | None = request.config.getoption("--killed-seed")
    return secrets.randbelow(10**6) if given is None else given


@pytest.fixture
def seed(drawn_from: int) -> int:
    """The same, told to whoever must find a death again."""
    print(f"--killed-seed={drawn_from}")  # noqa: T201 - pytest shows it where a test fails
    return drawn_from


@pytest.fixture
def everything(request: pytest.FixtureRequest) -> bool:
    """Whether every death there is was asked for."""
    return bool(request.config.getoption("--killed") == "all")

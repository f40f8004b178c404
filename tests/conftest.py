"""What holds for every test: no time limits, and nothing of the environment of whoever runs them."""

import os
import sys
from collections.abc import Generator

import eth_account  # noqa: F401 - see below
import pytest
import structlog
from hypothesis import HealthCheck, settings

# A test is right or wrong, never late: a busy machine must not turn it red.
settings.register_profile("earnest", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("earnest")

# A thread of another test may log at any moment: never on the standard output of a command that a test reads.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))

# Fixtures that many folders use, one file per thing.
pytest_plugins = [
    "tests.support.anvil",
    "tests.support.browser",
    "tests.support.carried",
    "tests.support.databases",
    "tests.support.deaths",
    "tests.support.elsewhere",
    "tests.support.federation",
    "tests.support.house",
    "tests.support.ledgers",
    "tests.support.fair",
    "tests.support.tipped",
    "tests.support.gift_shop",
    "tests.support.lying_node",
    "tests.support.order",
    "tests.support.restored",
    "tests.support.runs",
    "tests.support.synapse",
    "tests.support.tails",
    "tests.support.till",
    "tests.support.counter",
    "tests.support.shopping",
    "tests.support.gatehouse",
    "tests.support.worlds",
]

# Tests start hundreds of processes: each of them would compile all its libraries anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Nothing is gained here by importing it late (contracts/signers.py), and what it does to the limit is undone at once.
sys.setrecursionlimit(1000)

# Settings are given by the test that needs them, so a developer's own EARNEST_* must not leak in.
for name in [name for name in os.environ if name.startswith("EARNEST_")]:
    del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever has hours ask for every death there is (tests/support/deaths.py)."""
    group = parser.getgroup("earnest")
    group.addoption("--killed", choices=("part", "all"), default="part", help="how many deaths tests play")
    group.addoption("--killed-seed", type=int, help="what they are drawn from; drawn itself, and printed, else")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail in CI what elsewhere skips for want of a program: there everything was installed on purpose."""
    report = yield
    wanting = report.skipped and not hasattr(report, "wasxfail") and "install" in str(report.longrepr)
    if wanting and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def logs_as_before() -> Generator[None]:
    """Undo what a command does to the logs of its process: the next test runs in the same one."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()

"""Which files come first: the long ones, so that no worker is left with one of them while the others are done.

xdist gives each worker the next file of the list as soon as it has two tests or fewer to go. Its own order is by the
number of tests, and ours that take longest have few; so `make test` keeps it from making one (--no-loadscope-reorder).
pytest-randomly shuffles before any plain hook of this kind is called: what is not named below stays shuffled.
"""

from __future__ import annotations

import pytest

# What took more than half a minute, longest first.
LONG = (
    "tests/integration/reputation/test_courtesy.py",
    "tests/e2e/demo/test_run_goes_on.py",
    "tests/integration/app/test_leading.py",
    "tests/integration/cli/test_backup.py",
    "tests/e2e/demo/test_run.py",
    "tests/e2e/down/test_down.py",
    "tests/e2e/killed/test_killed.py",
    "tests/torture/test_torture.py",
    "tests/e2e/demo/test_run_refused.py",
    "tests/e2e/demo/test_demo.py",
    "tests/e2e/pages/test_stake_page.py",
    "tests/integration/bot/test_killed_at_every_line.py",
    "tests/integration/app/test_gasless.py",
    "tests/e2e/federation/test_story.py",
    "tests/integration/app/test_twins.py",
    "tests/integration/api/test_events.py",
    "tests/e2e/bot/test_slowed.py",
    "tests/e2e/bot/test_nio_homeserver.py",
    "tests/integration/bot/test_bringing.py",
    "tests/integration/ledger/test_outgoing.py",
    "tests/integration/app/test_delivering.py",
    "tests/e2e/bot/test_bot.py",
    "tests/integration/app/test_hearing.py",
    "tests/integration/reputation/test_knocks.py",
    "tests/e2e/bot/test_signed.py",
    "tests/integration/cli/test_up.py",
    "tests/integration/api/test_me.py",
    "tests/integration/payments/test_stakes.py",
    "tests/integration/cli/test_restore_leaves_alone.py",
    "tests/integration/app/test_chain_loop.py",
    "tests/integration/bot/test_digests.py",
    "tests/integration/app/test_hostile.py",
    "tests/integration/bot/test_talking.py",
    "tests/property/reputation/test_simulating.py",
    "tests/e2e/pages/test_gasless_page.py",
    "tests/e2e/bot/test_robust.py",
    "tests/integration/cli/test_doctor.py",
    "tests/integration/app/test_rebuilding.py",
    "tests/integration/app/test_rotating.py",
    "tests/property/reputation/test_reorgs.py",
    "tests/property/reputation/test_conditions.py",
    "tests/e2e/bot/test_elsewhere.py",
    "tests/integration/app/test_killed_loop.py",
    "tests/integration/reputation/test_vouches.py",
    "tests/integration/reputation/test_on_anvil.py",
    "tests/integration/cli/test_wrong_settings.py",
    "tests/property/ledger/test_books.py",
    "tests/integration/app/test_mismatch.py",
    "tests/integration/app/test_stretches.py",
    "tests/integration/app/test_gatekeeper.py",
    "tests/contracts/test_escrow_model.py",
    "tests/integration/app/test_remote_keys.py",
    "tests/integration/reputation/test_answers.py",
    "tests/integration/api/test_sessions.py",
    "tests/integration/cli/test_leave.py",
    "tests/integration/reputation/test_prices.py",
    "tests/property/reputation/test_trust.py",
)
# A file that is not named yet comes by its folder: what is quick stands at the end, where it fills what is left.
FOLDERS = ("tests/e2e/", "tests/torture/", "tests/integration/", "tests/property/")
_PLACES = {file: place for place, file in enumerate(LONG)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the order within a file, and of all others, is left as it was drawn."""
    items.sort(key=lambda item: place(item.nodeid))


def place(nodeid: str) -> int:
    """Say how early a test comes: the smaller, the earlier."""
    file = nodeid.partition("::")[0]
    folder = next((n for n, name in enumerate(FOLDERS) if file.startswith(name)), len(FOLDERS))
    return _PLACES.get(file, len(LONG) + folder)

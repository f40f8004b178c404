"""`earnest tenants`: a bearer is shown once, and renewed only when that is wanted."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from app.container import Container
from cli.main import main
from kit.database import Database
from tests.support.services import PASSWORD, a_container


def earnest(container: Container, *words: str) -> Result:
    """Run the real command on this service."""
    environment = {
        "EARNEST_DATA": str(container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_DATABASE_URL": container.database.engine.url.render_as_string(hide_password=False),
        "EARNEST_CHAIN_ID": str(container.deployment.chain_id),
    }
    return CliRunner().invoke(main, ["tenants", *words], env=environment)


def opens(container: Container, bearer: str) -> bool:
    with container.read() as work:
        return work.tenants.by_bearer(bearer) is not None


def test_a_bearer_is_renewed_when_that_is_wanted(tmp_path: Path, database: Database) -> None:
    container = a_container(tmp_path, database)
    first = json.loads(earnest(container, "add", "example.org", "--json").output)["bearer"]
    assert json.loads(earnest(container, "renew", "example.org", "--json").output)["bearer"] is None
    assert "Nothing was changed" in earnest(container, "renew", "example.org").output
    assert opens(container, first)
    shown = earnest(container, "renew", "example.org", "--yes", "--json")
    second = json.loads(shown.output)["bearer"]
    assert (opens(container, first), opens(container, second)) == (False, True)
    assert "authorization: " in earnest(container, "renew", "example.org", "--yes").output
    assert not opens(container, second)
    for words in (["renew", "elsewhere.org"], ["renew", "elsewhere.org", "--yes"]):
        refused = earnest(container, *words)
        assert (refused.exit_code, "no tenant" in refused.output) == (1, True)

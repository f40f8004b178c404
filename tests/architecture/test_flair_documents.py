"""What is published about flair is what the code does: the JSON Schema of its statement, and docs/supporters.md."""

from __future__ import annotations

import json
import re

from api.schemas.flair import StatementOut, statement_schema
from payments.flair.documents import read_document, read_tiers
from payments.flair.statement import LIFE, Statement
from tests.architecture.sources import ROOT
from tests.support.gifts import ASSETS

PAGE = (ROOT / "docs" / "supporters.md").read_text(encoding="utf-8")


def test_the_schema_is_that_of_the_model() -> None:
    published = (ROOT / "docs" / "schemas" / "flair.json").read_text(encoding="utf-8")
    wanted = json.dumps(statement_schema(), indent=2, ensure_ascii=False) + "\n"
    assert published == wanted, "write what statement_schema() gives into docs/schemas/flair.json"


def test_the_schema_names_what_is_signed() -> None:
    parts = {*Statement.__dataclass_fields__, "type", "format", "signature"}
    assert set(StatementOut.model_fields) == parts
    assert set(statement_schema()["required"]) == parts


def test_the_page_has_a_tier_document_that_can_be_read() -> None:
    (example,) = re.findall(r'\{"version": 1, "kind": "tiers".*?\}\]\}', PAGE, re.DOTALL)
    assert read_tiers(read_document(example), ASSETS).tiers


def test_the_example_of_the_page_has_the_form_that_it_speaks_of() -> None:
    (example,) = re.findall(r'\{"type": "org\.earnest\.flair".*?\}\}', PAGE, re.DOTALL)
    found = StatementOut.model_validate(json.loads(example))
    assert found.issued < found.expires <= found.issued + LIFE.total_seconds()
    assert found.since <= found.issued

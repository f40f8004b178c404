"""What is published about rules is what the code does: the JSON Schemas, and docs/rules.md with its examples."""

from __future__ import annotations

import ast
import json
import re

import pytest

from payments.flair.documents import schema as tiers_schema
from reputation.conditions.condition import read
from reputation.conditions.facts import DOOR_FACTS, TABLE, flat, record
from reputation.conditions.model import Broken, Unknown
from reputation.policy import KINDS, schema_of
from reputation.policy_rules import read_json
from tests.architecture.sources import ROOT, modules, short, tree

PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Give the fenced blocks of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def lines(language: str) -> list[str]:
    """Give the lines of those blocks."""
    return [line for block in blocks(language) for line in block.splitlines() if line]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_schemas_are_those_of_the_models(kind: str) -> None:
    published = (ROOT / "docs" / "schemas" / f"{kind}.json").read_text(encoding="utf-8")
    wanted = json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"
    assert published == wanted, f"make it anew: earnest rules schema {kind} > docs/schemas/{kind}.json"


def test_the_schema_of_tiers_is_that_of_the_model() -> None:
    published = (ROOT / "docs" / "schemas" / "tiers.json").read_text(encoding="utf-8")
    wanted = json.dumps(tiers_schema(), indent=2, ensure_ascii=False) + "\n"
    assert published == wanted, "make it anew: earnest supporters tiers schema > docs/schemas/tiers.json"


def test_what_a_schema_says_of_the_unsaid_is_itself_allowed() -> None:
    priced = schema_of("door")["$defs"]["Holding"]["properties"]
    for name in ("stake", "fee"):
        assert re.fullmatch(priced[name]["pattern"], priced[name]["default"])


def test_every_kind_of_document_has_an_example_that_can_be_read() -> None:
    assert [read_json(block).document.kind for block in blocks("json")] == ["door", "filter", "protections"]


@pytest.mark.parametrize(("language", "wanted"), [("cel", bool), ("unknown", Unknown), ("broken", Broken)])
def test_examples_of_conditions_do_what_is_said_of_them(language: str, wanted: type) -> None:
    (facts,) = blocks("facts")
    known = record(DOOR_FACTS, flat(json.loads(facts)))
    examples = lines(language)
    assert examples
    for example in examples:
        answer = read(example, DOOR_FACTS).ask(known)
        assert answer is True if wanted is bool else isinstance(answer, wanted), example


def test_every_fact_is_explained() -> None:
    told = re.findall(r"^\| `([a-z0-9_.]+)` \| ([a-z()]+) \| (\w+) \| \S", PAGE, re.MULTILINE)
    assert told == [(name, str(kind), known) for name, kind, known in TABLE]


def test_no_pattern_of_a_stranger_meets_an_engine_that_goes_back() -> None:
    handled = [path for path in modules("reputation") if "filters" in path.parts or path.stem.startswith("policy")]
    assert handled
    imported = {
        short(path)
        for path in handled
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Import) and any(alias.name == "re" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "re")
    }
    assert imported == set(), "what people write as a pattern is for reputation/filters/patterns.py alone"

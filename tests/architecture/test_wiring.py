"""The two tables of the switchboard are complete: what each chain event means, and every table of the database."""

from __future__ import annotations

import ast
import re
from inspect import get_annotations
from typing import get_args

import app.metadata
import app.reactions
from contracts import events
from kit.database import NAMING_CONVENTION
from tests.architecture.sources import dotted, modules, tree


def test_every_chain_event_has_a_reaction() -> None:
    known = {one for one in vars(events).values() if isinstance(one, type) and "at" in get_annotations(one)}
    assert known == set(get_args(events.ChainEvent)), "an event is a value that knows where its log stands"
    assert known - set(app.reactions.REACTIONS) == set(), "an event that nobody handles must say so in the table"
    assert set(app.reactions.REACTIONS) - known == set()


def test_every_table_is_in_the_metadata() -> None:
    declared = {
        dotted(path)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__tablename__" for t in node.targets)
    }
    listed = {module.__name__ for module in app.metadata.TABLE_MODULES}
    assert declared == listed


def test_every_constraint_has_a_name_that_a_migration_can_drop() -> None:
    assert set(NAMING_CONVENTION) == {"ix", "uq", "ck", "fk", "pk"}
    assert app.metadata.METADATA.naming_convention == NAMING_CONVENTION
    for table in app.metadata.METADATA.sorted_tables:
        nameless = [type(one).__name__ for one in table.constraints if one.name is None]
        assert nameless == [], table.name
        assert re.match(r"^[a-z][a-z0-9_]*$", table.name)

"""The shape of files: empty package files, captions, and sizes that a head can hold."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import PACKAGES, ROOT, modules, short, tree

LONGEST_MODULE = 400
LONGEST_FUNCTION = 70
LONGEST_CAPTION = 120


def test_package_files_are_empty() -> None:
    full = [
        short(path)
        for folder in (*PACKAGES, "deploy")
        for path in (ROOT / folder).rglob("__init__.py")
        if path.read_text(encoding="utf-8").strip()
    ]
    assert full == [], "a package file that imports makes a hub, and hubs make loops"


def test_every_package_folder_has_its_package_file() -> None:
    bare = sorted({short(path.parent) for path in modules() if not (path.parent / "__init__.py").is_file()})
    assert bare == [], "a folder without __init__.py is left out of the arrows that import-linter sees"


def test_alembic_and_docs_are_no_packages() -> None:
    found = [short(path) for folder in ("alembic", "docs") for path in (ROOT / folder).rglob("__init__.py")]
    assert found == [], "an __init__.py there hides the installed library of that name"


def test_every_module_opens_with_a_caption() -> None:
    silent = []
    for path in modules(*PACKAGES, "deploy", "alembic", "benchmarks", "tests"):
        first = (ast.get_docstring(tree(path)) or "").partition("\n")[0]
        if not first or len(first) > LONGEST_CAPTION or not path.read_text(encoding="utf-8").startswith('"""'):
            silent.append(short(path))
    assert silent == [], "the first line of a module is a docstring that says what the room holds"


def test_modules_are_short() -> None:
    lengths = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*PACKAGES, "deploy")}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_functions_are_short() -> None:
    long = {}
    for path in modules(*PACKAGES, "deploy"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{short(path)}:{node.lineno} {node.name}"] = length
    assert long == {}


def test_no_room_is_a_dumping_place() -> None:
    dumping = re.compile(r"^(utils?|helpers?|common|managers?|base|misc|types)$")
    found = [short(path) for path in modules() if any(dumping.match(part) for part in (path.stem, *path.parent.parts))]
    assert found == [], "a room is named by what it holds"


def test_decision_records_are_numbered_and_short() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert names, "decisions are written down"
    assert [name for name in names if not re.match(r"^\d{4}-[a-z0-9-]+\.md$", name)] == []
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        lines = (ROOT / "docs" / "adr" / name).read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"# {int(name[:4])}. "), name
        assert len(lines) <= 40, name
        assert all(f"## {part}" in lines for part in ("Context", "Decision", "Consequences", "Alternatives")), name

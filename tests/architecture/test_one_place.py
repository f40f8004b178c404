"""One place for each thing: the environment, the clock, the names of modules; and amounts are whole numbers."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import PACKAGES, ROOT, calls, dotted, modules, short, strings, tree

# Who may read the environment beside app/settings.py: none of them takes settings from it; each hands a copy to a child
# process, which must find programs and libraries where this one does.
MAY_COPY_THE_ENVIRONMENT = ("cli/local/",)

ENVIRONMENT = re.compile(r"\bos\.(environ|environb|getenv|putenv)\b")
AMOUNT = re.compile(r"(^|[_.])(amount|price|stake|fee|balance|wei|value|units?)(_|$)")
CLOCKS = re.compile(r"^(?:\w+\.)*(?:datetime|date)\.(?:now|utcnow|today)$|^time\.(?:time|time_ns)$")


def test_one_reader_of_the_environment() -> None:
    found = [
        f"{short(path)}:{node.lineno}"
        for path in modules()
        if dotted(path) != "app.settings" and not short(path).startswith(MAY_COPY_THE_ENVIRONMENT)
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and ENVIRONMENT.search(ast.unparse(node)))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names(node) & {"environ", "getenv"})
    ]
    assert found == [], "settings come from app/settings.py; rooms get values"


def names(statement: ast.ImportFrom) -> set[str]:
    """Give the names that an import statement brings."""
    return {alias.name for alias in statement.names}


def test_children_get_their_environment_from_the_exceptions_only_as_a_copy() -> None:
    for path in modules():
        if short(path).startswith(MAY_COPY_THE_ENVIRONMENT):
            read = re.findall(r"os\.getenv|os\.environ(?:\.get\(|\[)", path.read_text(encoding="utf-8"))
            assert read == [], f"{short(path)} takes a setting from the environment"


def test_one_clock() -> None:
    found = [
        f"{short(path)}:{line} {name}"
        for path in modules()
        if dotted(path) != "kit.clock"
        for line, name in calls(path)
        if CLOCKS.match(name)
    ]
    assert found == [], "the time is given (kit.clock), so that a test can give another"


def test_no_module_is_named_in_a_string() -> None:
    packages = "|".join(PACKAGES)
    name = re.compile(rf"^(?:{packages})(?:\.[a-z_]\w*)+(?::[A-Za-z_]\w*)?$|^(?:{packages}):[A-Za-z_]\w*$")
    found = [
        f"{short(path)}:{line} {text!r}"
        for path in modules()
        for line, text in strings(path)
        if name.match(text) and is_module(text)
    ]
    assert found == [], "an arrow in a string is an arrow that no tool sees"


def is_module(text: str) -> bool:
    """Say whether a dotted string names a module of ours, or something in one."""
    parts = text.partition(":")[0].split(".")
    folders = [ROOT.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    return any(folder.with_suffix(".py").is_file() for folder in folders) or folders[-1].is_dir()


def test_amounts_are_never_floats() -> None:
    found = []
    for path in modules("kit", "contracts", "ledger", "payments", "reputation"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.arg):
                name, annotation = node.arg, node.annotation
            elif isinstance(node, ast.AnnAssign):
                name, annotation = ast.unparse(node.target), node.annotation
            else:
                continue
            if annotation is not None and AMOUNT.search(name) and "float" in ast.unparse(annotation):
                found.append(f"{short(path)}:{node.lineno} {name}")
    found += [f"kit/amounts.py:{line} float()" for line, name in calls(ROOT / "kit" / "amounts.py") if name == "float"]
    assert found == [], "amounts are whole numbers in base units"

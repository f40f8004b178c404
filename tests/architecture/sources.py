"""The sources of the house, read once: files, syntax trees and the names that modules import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api", "app", "bot", "cli", "contracts", "kit", "ledger", "payments", "reputation")


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """List the Python files under the folders that hold something; the packages, when none is named."""
    found = (path for folder in folders or PACKAGES for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(path for path in found if path.name != "__init__.py" and "node_modules" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def short(path: Path) -> str:
    """Name a file as people do, from the root."""
    return str(path.relative_to(ROOT))


def dotted(path: Path) -> str:
    """Name a module as imports do."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def docstrings(module: ast.Module) -> set[int]:
    """Tell the docstrings among a module's strings, by identity."""
    places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    owners = [node for node in ast.walk(module) if isinstance(node, places) and node.body]
    first = [owner.body[0] for owner in owners]
    return {id(line.value) for line in first if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Give every string of a file with its line, docstrings aside."""
    module = tree(path)
    spoken = docstrings(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            yield node.lineno, node.value


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Give every call of a file with its line, written as in `datetime.now`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)

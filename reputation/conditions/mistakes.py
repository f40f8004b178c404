"""Mistakes in a condition's text (pure): where it is, what is wrong, and what to write instead."""

from __future__ import annotations

from kit.errors import Invalid


class Misread(Invalid):
    """A condition that says nothing: ``code`` says why; ``line`` and ``column`` (from 1) say where."""

    def __init__(self, code: str, message: str, *, line: int, column: int, **values: object) -> None:
        """Say what is wrong and where it is."""
        super().__init__(code, f"line {line}, column {column}: {message}", line=line, column=column, **values)
        self.sentence = message
        self.line = line
        self.column = column


def misread(text: str, at: int, code: str, message: str, **values: object) -> Misread:
    """Make the mistake that stands at the character ``at``."""
    before = text[:at]
    line = before.count("\n") + 1
    column = at - (before.rfind("\n") + 1) + 1
    return Misread(f"condition_{code}", message, line=line, column=column, **values)

"""Checking and compiling (pure): a tree of parts is checked against the known facts, once, and made into functions."""

from __future__ import annotations

import operator
from collections.abc import Callable

from reputation.conditions import closures
from reputation.conditions.mistakes import Misread, misread
from reputation.conditions.model import (
    BOOL,
    DOUBLE,
    HIGHEST_COST,
    INT,
    MOMENT,
    NOTHINGS,
    SPAN,
    TEXT,
    Node,
    Part,
    Schema,
    Type,
    Unknown,
    Value,
)
from reputation.conditions.moments import read_moment, read_span
from reputation.conditions.operations import ARITHMETIC, COMPARED, METHODS, ORDERED, negate_whole

_READS_TEXT = 10
"""What a part costs that reads a text or goes through a list."""
_FUNCTIONS = ("size", "has", "timestamp", "duration")
_READERS: dict[str, tuple[Type, Callable[[str], Value | None], str]] = {
    "timestamp": (MOMENT, read_moment, "timestamp('2026-12-31T18:00:00Z')"),
    "duration": (SPAN, read_span, "duration('36h')"),
}
_TYPES: tuple[tuple[type, Type], ...] = ((bool, BOOL), (int, INT), (float, DOUBLE), (str, TEXT))


def compiled(text: str, node: Node, schema: Schema) -> Part:
    """Check a parsed condition and make it fit to be computed. Raises ``Misread``."""
    part = _Compiler(text, schema).part(node)
    if part.type != BOOL:
        message = f"a condition is true or false, and this is a {part.type}; compare it with something"
        raise misread(text, node.start, "not_bool", message, type=str(part.type))
    total = cost(part)
    if total > HIGHEST_COST:
        message = f"this costs {total} steps, and a condition may cost {HIGHEST_COST}; make two rules of it"
        raise misread(text, node.start, "too_costly", message, most=HIGHEST_COST)
    return part


def cost(part: Part) -> int:
    """Return what a part costs at most, with all that is in it."""
    return part.cost + sum(cost(each) for each in part.parts)


class _Compiler:
    def __init__(self, text: str, schema: Schema) -> None:
        self._text = text
        self._schema = schema
        self._checks: dict[str, Callable[[Node], Part]] = {
            "literal": self._literal,
            "name": self._fact,
            "dot": self._fact,
            "call": self._call,
            "list": self._list,
            "&&": self._joined,
            "||": self._joined,
            "!": self._unary,
            "neg": self._unary,
            "?:": self._choice,
            "in": self._membership,
            **dict.fromkeys(COMPARED, self._comparison),
        }

    def part(self, node: Node) -> Part:
        """Check a part and all that is in it."""
        return self._checks.get(node.kind, self._arithmetic)(node)

    # -------------------------------------------------------------------------------------------- facts and literals

    def _literal(self, node: Node) -> Part:
        value = node.value
        assert value is not None  # noqa: S101 - what the parser promises of a literal
        found = next(known for kind, known in _TYPES if isinstance(value, kind))
        return Part("literal", found, closures.constant(value), node.start, node.end, value=value)

    def _fact(self, node: Node) -> Part:
        name = self._dotted(node)
        place = self._schema.places.get(name)
        if place is None:
            raise self._no_fact(node, name)
        run = closures.fact(place, self._missing(name))
        return Part("fact", self._schema.facts[place].type, run, node.start, node.end, place=place)

    def _dotted(self, node: Node) -> str:
        if node.kind == "name":
            return str(node.value)
        if node.kind != "dot":
            raise self._wrong(node, "no_parts", "only names have parts after a dot")
        return f"{self._dotted(node.parts[0])}.{node.value}"

    def _no_fact(self, node: Node, name: str) -> Misread:
        if name in self._schema.groups:
            parts = ", ".join(sorted(known for known in self._schema.places if known.startswith(name + ".")))
            return self._wrong(node, "fact_group", f"{name} is not one fact; there are {parts}", name=name, facts=parts)
        elsewhere = self._schema.elsewhere.get(name)
        if elsewhere is not None:
            message = f"{name} is known to {elsewhere} alone"
            return self._wrong(node, "fact_elsewhere", message, name=name, kind=elsewhere)
        near = self._schema.nearest(name)
        if near is None:
            message = f"there is no fact {name}; there are {', '.join(self._schema.places)}"
            return self._wrong(node, "fact_unknown", message, name=name)
        return self._wrong(
            node, "fact_misspelt", f"there is no fact {name}; did you mean {near}?", name=name, instead=near
        )

    def _missing(self, name: str) -> Unknown:
        return Unknown(frozenset({name}))

    def _list(self, node: Node) -> Part:
        parts = tuple(self.part(each) for each in node.parts)
        kinds = {part.type for part in parts}
        if any(kind.item is not None for kind in kinds):
            raise self._wrong(node, "list_nested", "a list holds no lists here")
        if len(kinds) > 1:
            shown = " and ".join(sorted(str(kind) for kind in kinds))
            raise self._wrong(node, "list_mixed", f"all in a list are of one type, and here stand {shown}")
        kind = Type("list", next(iter(kinds))) if kinds else NOTHINGS
        if all(part.kind == "literal" for part in parts):
            value = tuple(part.value for part in parts)
            return Part("literal", kind, closures.constant(value), node.start, node.end, value=value)  # type: ignore[arg-type]
        return Part("list", kind, closures.listed([part.run for part in parts]), node.start, node.end, parts)

    # -------------------------------------------------------------------------------------------- truth

    def _joined(self, node: Node) -> Part:
        parts = tuple(self._truth(each, f"on each side of {node.kind} stands") for each in node.parts)
        runs = [part.run for part in parts]
        run = closures.every(runs) if node.kind == "&&" else closures.some(runs)
        return Part(node.kind, BOOL, run, node.start, node.end, parts)

    def _truth(self, node: Node, where: str) -> Part:
        part = self.part(node)
        if part.type != BOOL:
            message = f"{where} something true or false, and this is a {part.type}"
            raise self._wrong(node, "not_bool", message, type=str(part.type))
        return part

    def _unary(self, node: Node) -> Part:
        if node.kind == "!":
            inner = self._truth(node.parts[0], "behind ! stands")
            if inner.kind == "fact" and inner.place is not None:
                run = closures.not_fact(inner.place, self._missing(self._schema.facts[inner.place].name))
            else:
                run = closures.negated(inner.run)
            return Part("!", BOOL, run, node.start, node.end, (inner,))
        inner = self.part(node.parts[0])
        if not inner.type.is_number:
            raise self._wrong(node, "not_number", f"behind - stands a number, and this is a {inner.type}")
        work = negate_whole if inner.type == INT else operator.neg
        return Part("neg", inner.type, closures.strictly(work, [inner.run]), node.start, node.end, (inner,))

    def _choice(self, node: Node) -> Part:
        asked = self._truth(node.parts[0], "before ? stands")
        then, otherwise = (self.part(each) for each in node.parts[1:])
        if then.type != otherwise.type:
            message = f"both sides of : are of one type, and these are {then.type} and {otherwise.type}"
            raise self._wrong(node, "choice_mixed", message)
        run = closures.chosen(asked.run, then.run, otherwise.run)
        return Part("?:", then.type, run, node.start, node.end, (asked, then, otherwise))

    def _comparison(self, node: Node) -> Part:
        left, right = (self.part(each) for each in node.parts)
        both_numbers = left.type.is_number and right.type.is_number
        same = left.type == right.type or (NOTHINGS in (left.type, right.type) and left.type.name == right.type.name)
        if not both_numbers and not same:
            message = f"{left.type} and {right.type} cannot be compared"
            hint = _comparison_hint(left, right)
            raise self._wrong(node, "not_comparable", message + hint, left=str(left.type), right=str(right.type))
        if node.kind not in ("==", "!=") and left.type not in ORDERED:
            raise self._wrong(node, "not_ordered", f"of two values of type {left.type} none is the smaller one")
        return self._two(node, BOOL, COMPARED[node.kind], left, right)

    def _membership(self, node: Node) -> Part:
        item, items = (self.part(each) for each in node.parts)
        if items.type.name != "list" or items.type.item is None:
            hint = "; write text.contains('…') to look into a text" if items.type == TEXT else ""
            raise self._wrong(node, "not_list", f"behind in stands a list, and this is a {items.type}{hint}")
        inner = items.type.item
        if items.type != NOTHINGS and inner != item.type and not (inner.is_number and item.type.is_number):
            message = f"a {item.type} is never in a {items.type}"
            raise self._wrong(node, "never_in_list", message, left=str(item.type), right=str(items.type))
        parts, plain = (item, items), DOUBLE not in (item.type, inner)
        if plain and item.kind == "literal" and item.value is not None and items.place is not None:
            run = closures.list_holds(items.place, item.value, self._missing(self._schema.facts[items.place].name))
        elif plain and items.kind == "literal" and isinstance(items.value, tuple) and item.place is not None:
            run = closures.fixed_holds(item.place, items.value, self._missing(self._schema.facts[item.place].name))
        else:
            run = closures.strictly(closures.holds, [item.run, items.run])
        return Part("in", BOOL, run, node.start, node.end, parts, cost=_READS_TEXT)

    # -------------------------------------------------------------------------------------------- computing

    def _arithmetic(self, node: Node) -> Part:
        left, right = (self.part(each) for each in node.parts)
        found = ARITHMETIC.get((node.kind, left.type, right.type))
        if found is None:
            hint = "; write 1.0 for a decimal 1" if left.type.is_number and right.type.is_number else ""
            message = f"{left.type} {node.kind} {right.type} cannot be computed{hint}"
            raise self._wrong(node, "not_computable", message, left=str(left.type), right=str(right.type))
        kind, work = found
        return self._two(node, kind, work, left, right)

    def _two(self, node: Node, kind: Type, work: Callable[..., object], left: Part, right: Part) -> Part:
        if left.kind == "fact" and right.kind == "literal" and left.place is not None and right.value is not None:
            missing = self._missing(self._schema.facts[left.place].name)
            run = closures.with_fixed(work, left.place, right.value, missing)  # type: ignore[arg-type]
        else:
            run = closures.strictly(work, [left.run, right.run])  # type: ignore[arg-type]
        price = _READS_TEXT if TEXT in (left.type, right.type) or left.type.item else 1
        return Part(node.kind, kind, run, node.start, node.end, (left, right), cost=price)

    def _call(self, node: Node) -> Part:
        name = str(node.value)
        if name in (".size", "size"):
            return self._size(node)
        if name.startswith("."):
            return self._method(node, name[1:])
        if name == "has":
            return self._has(node)
        if name in _READERS:
            return self._reader(node, name)
        if name in METHODS:
            raise self._wrong(
                node, "method", f"{name} is asked of a text: write text.{name}('…')", instead=f"….{name}(…)"
            )
        raise self._no_function(node, name, _FUNCTIONS)

    def _method(self, node: Node, name: str) -> Part:
        work = METHODS.get(name)
        if work is None:
            raise self._no_function(node, name, (*METHODS, "size"))
        if len(node.parts) != 2:  # noqa: PLR2004 - the text that is asked, and the text that is looked for
            raise self._wrong(node, "arguments", f"{name} takes one text")
        subject, other = (self.part(each) for each in node.parts)
        for part, written in zip((subject, other), node.parts, strict=True):
            if part.type != TEXT:
                hint = "; write 'x' in list to look into a list" if part.type.item else ""
                raise self._wrong(written, "not_text", f"{name} is for texts, and this is a {part.type}{hint}")
        parts = (subject, other)
        if name == "contains" and subject.place is not None and other.kind == "literal":
            missing = self._missing(self._schema.facts[subject.place].name)
            run = closures.text_contains(subject.place, str(other.value), missing)
        else:
            run = closures.strictly(work, [subject.run, other.run])
        return Part("call", BOOL, run, node.start, node.end, parts, value=name, cost=_READS_TEXT)

    def _size(self, node: Node) -> Part:
        if len(node.parts) != 1:
            raise self._wrong(node, "arguments", "size takes one text or list")
        inner = self.part(node.parts[0])
        if inner.type != TEXT and inner.type.item is None:
            raise self._wrong(node.parts[0], "no_size", f"texts and lists have a size, and this is a {inner.type}")
        return Part("call", INT, closures.strictly(len, [inner.run]), node.start, node.end, (inner,), value="size")

    def _has(self, node: Node) -> Part:
        if len(node.parts) != 1 or node.parts[0].kind != "dot":
            raise self._wrong(node, "arguments", "has takes one fact with a dot in it, as in has(sender.standing)")
        inner = self._fact(node.parts[0])
        assert inner.place is not None  # noqa: S101 - what _fact promises
        return Part("has", BOOL, closures.is_known(inner.place), node.start, node.end, (inner,))

    def _reader(self, node: Node, name: str) -> Part:
        kind, read, example = _READERS[name]
        argument = node.parts[0] if len(node.parts) == 1 else None
        written = argument.value if argument is not None and argument.kind == "literal" else None
        if not isinstance(written, str):
            raise self._wrong(node, "arguments", f"{name} takes one text that is written out, as in {example}")
        value = read(written)
        if value is None:
            message = f"{written!r} is no {name}; write one as in {example}"
            raise self._wrong(node, "time_malformed", message, instead=example)
        return Part("literal", kind, closures.constant(value), node.start, node.end, value=value)

    def _no_function(self, node: Node, name: str, known: tuple[str, ...]) -> Misread:
        message = f"there is no function {name}; there are {', '.join(known)}"
        if name == "matches":
            message = "conditions hold no patterns; name them under patterns and ask 'name' in text.found"
        return self._wrong(node, "function_unknown", message, name=name)

    def _wrong(self, node: Node, code: str, message: str, **values: object) -> Misread:
        return misread(self._text, node.start, code, message, **values)


def _comparison_hint(left: Part, right: Part) -> str:
    kinds = {left.type, right.type}
    if TEXT in kinds and any(kind.is_number for kind in kinds):
        return "; a number stands without quotes"
    if BOOL in kinds:
        return "; what is true or false needs no comparison"
    if MOMENT in kinds and TEXT in kinds:
        return "; write timestamp('2026-12-31T18:00:00Z')"
    if SPAN in kinds:
        return "; write duration('36h')"
    return "; write 'x' in list to look into a list" if any(kind.item for kind in kinds) else ""

"""The grammar of conditions (pure): tokens become a tree of parts, bounded in size and depth, after CEL's grammar."""

from __future__ import annotations

from collections.abc import Mapping

from reputation.conditions.mistakes import Misread, misread
from reputation.conditions.model import DEEPEST, GREATEST_INT, MOST_PARTS, Node, Scalar
from reputation.conditions.tokens import RESERVED, Sort, Token, tokens

_RELATIONS = frozenset(("<", "<=", ">", ">=", "==", "!=", "in"))
_WORDS: Mapping[str, str] = {
    "and": "&&", "or": "||", "not": "!", "is": "==", "equals": "==", "AND": "&&", "OR": "||", "NOT": "!",
    "True": "true", "False": "false", "TRUE": "true", "FALSE": "false",
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False}


def parse(text: str) -> Node:
    """Read a condition into its parts. Raises ``Misread``."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._made = 0

    def whole(self) -> Node:
        if self._next().sort is Sort.END:
            raise self._wrong(
                "empty", "there is no condition here; write true for one that always holds", instead="true"
            )
        node = self._expression()
        if self._next().sort is not Sort.END:
            raise self._unexpected()
        return node

    # -------------------------------------------------------------------------------------------- the levels

    def _expression(self) -> Node:
        self._deeper()
        asked = self._row("||")
        if self._takes("?"):
            then = self._row("||")
            self._needs(":", "after ? stand two values with : between them")
            asked = self._node("?:", asked.start, asked, then, self._expression())
        self._depth -= 1
        return asked

    def _row(self, operator: str) -> Node:
        """Read terms with ``||`` or ``&&`` between them as one part: however many, they stand at one depth."""
        terms = [self._term(operator)]
        while self._takes(operator):
            terms.append(self._term(operator))
        return terms[0] if len(terms) == 1 else self._node(operator, terms[0].start, *terms)

    def _term(self, operator: str) -> Node:
        return self._row("&&") if operator == "||" else self._relation()

    def _relation(self) -> Node:
        left = self._sum()
        while self._next().text in _RELATIONS and self._next().sort is not Sort.LITERAL:
            sign = self._take()
            if left.kind in _RELATIONS and self._text[left.start : left.start + 1] != "(":
                first = self._text[left.parts[1].start : left.parts[1].end]
                message = f"two comparisons cannot stand in a row; write … {left.kind} {first} && {first} {sign.text} …"
                raise self._wrong("chained", message, at=sign.start, instead="&&")
            left = self._node(sign.text, left.start, left, self._sum())
        return left

    def _sum(self) -> Node:
        left = self._product()
        while self._next().sort is Sort.SIGN and self._next().text in ("+", "-"):
            sign = self._take()
            left = self._node(sign.text, left.start, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._unary()
        while self._next().sort is Sort.SIGN and self._next().text in ("*", "/", "%"):
            sign = self._take()
            left = self._node(sign.text, left.start, left, self._unary())
        return left

    def _unary(self) -> Node:
        token = self._next()
        if token.sort is not Sort.SIGN or token.text not in ("!", "-"):
            return self._member()
        self._take()
        if token.text == "-" and self._is_number(self._next()):
            # The one number more below zero than above it has no positive twin: sign and digits are one literal.
            return self._members(self._literal(self._take(), token.start))
        self._deeper()
        operand = self._unary()
        self._depth -= 1
        return self._node("!" if token.text == "!" else "neg", token.start, operand)

    def _member(self) -> Node:
        return self._members(self._primary())

    def _members(self, node: Node) -> Node:
        while self._next().sort is Sort.SIGN and self._next().text in (".", "["):
            if self._next().text == "[":
                raise self._wrong("index", 'no item is taken out of a list here; write "…" in list to ask for one')
            self._take()
            name = self._take()
            if name.sort is not Sort.WORD or name.text in RESERVED or name.text == "in":
                raise self._wrong("name_expected", "after a dot stands a name", at=name.start)
            if self._takes("("):
                node = self._node("call", node.start, node, *self._arguments(), value="." + name.text)
            else:
                node = self._node("dot", node.start, node, value=name.text)
        return node

    def _primary(self) -> Node:
        token = self._take()
        if token.sort is Sort.LITERAL:
            return self._literal(token, token.start)
        if token.text == "(" and token.sort is Sort.SIGN:
            inner = self._expression()
            self._needs(")", "this ( has no ) of its own", at=token.start)
            return Node(inner.kind, token.start, self._before, inner.parts, inner.value)
        if token.text == "[" and token.sort is Sort.SIGN:
            return self._node("list", token.start, *self._items("]"))
        if token.sort is Sort.WORD:
            return self._word(token)
        if token.sort is not Sort.END:
            self._at -= 1
        raise self._unexpected()

    def _word(self, token: Token) -> Node:
        if token.text in _CONSTANTS:
            return self._node("literal", token.start, value=_CONSTANTS[token.text])
        if token.text == "null":
            raise self._wrong("null", "null is not known here; has(…) tells whether a fact is known", at=token.start)
        if token.text in _WORDS:
            raise self._instead(token)
        if token.text in RESERVED or token.text == "in":
            raise self._wrong("reserved", f"{token.text} is no name that a fact can have", at=token.start)
        if self._takes("("):
            return self._node("call", token.start, *self._arguments(), value=token.text)
        return self._node("name", token.start, value=token.text)

    def _arguments(self) -> tuple[Node, ...]:
        return self._items(")")

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._takes(end):
            return ()
        while True:
            items.append(self._expression())
            if self._takes(","):
                if end == "]" and self._takes(end):  # CEL lets a list end in a comma
                    return tuple(items)
                continue
            self._needs(end, f"there is no {end} at the end of this")
            return tuple(items)

    def _literal(self, token: Token, start: int) -> Node:
        value = token.value
        negative = start != token.start
        if isinstance(value, int | float) and negative:
            value = -value
        elif isinstance(value, int) and not isinstance(value, bool) and value > GREATEST_INT:
            raise self._wrong("number_large", f"a whole number is at most {GREATEST_INT}", at=start, most=GREATEST_INT)
        return self._node("literal", start, value=value)

    # -------------------------------------------------------------------------------------------- tokens and limits

    def _next(self) -> Token:
        return self._tokens[self._at]

    @property
    def _before(self) -> int:
        return self._tokens[self._at - 1].end

    def _take(self) -> Token:
        token = self._next()
        if token.sort is not Sort.END:
            self._at += 1
        return token

    def _takes(self, sign: str) -> bool:
        if self._next().sort is Sort.SIGN and self._next().text == sign:
            self._at += 1
            return True
        return False

    def _needs(self, sign: str, message: str, at: int | None = None) -> None:
        if self._takes(sign):
            return
        if self._next().sort is not Sort.END:
            raise self._unexpected()
        raise self._wrong("unfinished", message, at=at, instead=sign)

    @staticmethod
    def _is_number(token: Token) -> bool:
        return token.sort is Sort.LITERAL and isinstance(token.value, int | float)

    def _node(self, kind: str, start: int, *parts: Node, value: Scalar | None = None) -> Node:
        self._made += 1
        if self._made > MOST_PARTS:
            message = f"a condition has at most {MOST_PARTS} parts; make two rules of it"
            raise self._wrong("too_many_parts", message, at=start, most=MOST_PARTS)
        return Node(kind, start, self._before, parts, value)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            message = f"parts stand at most {DEEPEST} deep inside each other"
            raise self._wrong("too_deep", message, most=DEEPEST)

    def _unexpected(self) -> Misread:
        token = self._next()
        if token.sort is Sort.END:
            return self._wrong("unfinished", "the condition ends too early")
        if token.sort is Sort.WORD and token.text in _WORDS:
            return self._instead(token)
        what = token.text if token.sort is Sort.LITERAL else repr(token.text)
        hint = "; between two conditions stands && or ||" if token.sort is not Sort.SIGN else ""
        return self._wrong("unexpected", f"{what} cannot stand here{hint}", found=token.text)

    def _instead(self, token: Token) -> Misread:
        instead = _WORDS[token.text]
        message = f"{token.text} means nothing here; write {instead} instead"
        return self._wrong("word", message, at=token.start, found=token.text, instead=instead)

    def _wrong(self, code: str, message: str, *, at: int | None = None, **values: object) -> Misread:
        return misread(self._text, self._next().start if at is None else at, code, message, **values)

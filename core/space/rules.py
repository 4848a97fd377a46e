"""Rules that forbid combinations: small expressions over parameter names.

Comparisons, `and or not`, `+ - * / // %`, `in` with a list, numbers, texts and booleans.
Nothing else of Python is accepted, and nothing is executed: a rule becomes a tree of closures.
"""

from __future__ import annotations

import ast
import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.values import InputError, Scalar, one_line

Point = Mapping[str, Scalar | None]
_Evaluate = Callable[[Point], Any]

_LONGEST = 1000
_DEEPEST = 50
_MISTYPED = 0.8
_CONSTANTS = {"true": True, "false": False}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be asked. `names` are the flags it looks at, and what is not known.

    `reason` says in plain words why, where it is not the user's own.
    """

    text: str
    names: frozenset[str]
    _evaluate: _Evaluate
    reason: str = ""

    def allows(self, point: Point) -> bool:
        """False when the rule forbids `point`.

        A rule does not apply where one of its parameters is not set, or is a text where a
        number is needed (`auto`). Where it divides by zero it does not hold.
        """
        for name in self.names:
            if point.get(name) is None:
                return True
        try:
            return bool(self._evaluate(point))
        except TypeError:
            return True
        except ArithmeticError:
            return False

    def holds(self, point: Point) -> bool:
        """As a condition: it does not hold where `allows` would say that it does not apply."""
        if any(point.get(name) is None for name in self.names):
            return False
        try:
            return bool(self._evaluate(point))
        except (TypeError, ArithmeticError):
            return False


_NOTHING: Mapping[str, Scalar | None] = {}


def compile_rule(
    text: str,
    names: Mapping[str, str],
    known: Mapping[str, Scalar | None] = _NOTHING,
    *,
    place: str = "rules",
    reason: str = "",
    exact: bool = False,
) -> Rule:
    """The rule in `text`; `names` maps what may be written to flag names, and `known` what is
    the same for every point to its value (None: not known, the rule does not apply).

    InputError, with its `place` and the rule's text, for anything that is not such an
    expression; unless `exact`, also for a name that looks mistyped.
    """
    try:
        return _compiled(text, names, known, reason, exact=exact)
    except _Wrong as error:
        raise InputError(f'{place}: "{one_line(text, 120)}": {error}') from None


def _compiled(
    text: str,
    names: Mapping[str, str],
    known: Mapping[str, Scalar | None],
    reason: str,
    *,
    exact: bool,
) -> Rule:
    if len(text) > _LONGEST:
        raise _Wrong(f"longer than {_LONGEST} characters")
    identifiers = {f"_p{index}": name for index, name in enumerate(names)}
    try:
        tree = ast.parse(_with_identifiers(text, identifiers).strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        hint = "; '==' compares" if re.search(r"[^=<>!]=[^=]", text) else ""
        raise _Wrong(f"not an expression like a >= b{hint}") from None
    compiler = _Compiler(identifiers, names, known, exact=exact)
    if not isinstance(tree, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Name):
        raise _Wrong("a rule compares, like a >= b")
    evaluate = compiler.compile(tree, 0)
    if not compiler.used and not compiler.told:
        raise _Wrong("it names no parameter of this task")
    return Rule(text, frozenset(compiler.used), evaluate, reason)


def _with_identifiers(text: str, identifiers: Mapping[str, str]) -> str:
    """Replace parameter names, which may contain dashes, by Python identifiers.

    The longest name wins, and quoted texts stay as they are.
    """
    by_length = sorted(identifiers.items(), key=lambda item: -len(item[1]))
    patterns = [f"(?P<{identifier}>{_either_spelling(name)})" for identifier, name in by_length]
    quoted = r"\"[^\"]*\"|'[^']*'"
    found = re.compile(rf"{quoted}|(?<![\w.])(?:{'|'.join(patterns) or '(?!)'})(?!\w)")
    return found.sub(lambda match: match.lastgroup or match[0], text)


def _either_spelling(name: str) -> str:
    return name.replace(".", r"\.").replace("_", "-").replace("-", "[-_]")


class _Compiler:
    """Turns a tree into closures; `used` collects the flags that it names, `told` the known."""

    def __init__(
        self,
        identifiers: Mapping[str, str],
        names: Mapping[str, str],
        known: Mapping[str, Scalar | None],
        *,
        exact: bool,
    ) -> None:
        self._exact = exact
        self._identifiers = identifiers
        self._names = names
        self._known = known
        self.used: set[str] = set()
        self.told: set[str] = set()

    def compile(self, node: ast.AST, depth: int) -> _Evaluate:
        if depth > _DEEPEST:
            raise _Wrong("nested too deeply")
        match node:
            case ast.BoolOp(op=op, values=values):
                return _connective(op, [self.compile(one, depth + 1) for one in values])
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(op, self.compile(operand, depth + 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _arithmetic(
                    _ARITHMETIC[type(op)],
                    self.compile(left, depth + 1),
                    self.compile(right, depth + 1),
                )
            case ast.Compare():
                return self._compare(node, depth)
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return lambda _: value
            case ast.Name(id=name):
                return self._name(name)
        raise _Wrong(f"'{self._written(node)}' cannot be used in a rule")

    def _written(self, node: ast.AST) -> str:
        """`node` with the names that the user knows."""
        text = re.sub(r"_p\d+", lambda m: self._identifiers.get(m[0], m[0]), ast.unparse(node))
        return one_line(text, 40)

    def _name(self, identifier: str) -> _Evaluate:
        if identifier.lower() in _CONSTANTS:
            value = _CONSTANTS[identifier.lower()]
            return lambda _: value
        if identifier in self._known:
            return self._same(identifier)
        if identifier not in self._identifiers:
            return self._unset(identifier)
        flag = self._names[self._identifiers[identifier]]
        self.used.add(flag)
        return lambda point: point[flag]

    def _same(self, name: str) -> _Evaluate:
        """What is the same for every point; one that is not known is never set."""
        value = self._known[name]
        self.told.add(name)
        if value is None:
            self.used.add(name)
        return lambda _: value

    def _unset(self, identifier: str) -> _Evaluate:
        """A name that is not set: the rule does not apply. What looks mistyped is refused."""
        written = identifier.replace("_", "-")
        candidates = () if self._exact else (*self._names, *self._known)
        if near := difflib.get_close_matches(written, candidates, 1, cutoff=_MISTYPED):
            hint = f"did you mean '{near[0]}'?"
            raise _Wrong(f"'{identifier}' is no parameter of this task; {hint}")
        self.used.add(written)
        return lambda _: None

    def _unary(self, op: ast.unaryop, operand: _Evaluate) -> _Evaluate:
        if isinstance(op, ast.Not):
            return lambda point: not operand(point)
        if isinstance(op, ast.USub):
            return lambda point: -_number(operand(point))
        if isinstance(op, ast.UAdd):
            return lambda point: _number(operand(point))
        raise _Wrong("'~' cannot be used in a rule")

    def _compare(self, node: ast.Compare, depth: int) -> _Evaluate:
        operands = [self.compile(node.left, depth + 1)]
        operators = []
        for op, right in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARISONS:
                raise _Wrong("'is' cannot be used in a rule; write ==")
            operators.append(_COMPARISONS[type(op)])
            if isinstance(op, ast.In | ast.NotIn):
                operands.append(self._members(right, depth))
            else:
                operands.append(self.compile(right, depth + 1))

        def evaluate(point: Point) -> bool:
            values = [operand(point) for operand in operands]
            pairs = zip(operators, values, values[1:], strict=False)
            return all(compare(left, right) for compare, left, right in pairs)

        return evaluate

    def _members(self, node: ast.expr, depth: int) -> _Evaluate:
        if not isinstance(node, ast.List | ast.Tuple):
            raise _Wrong("'in' takes a list like [1, 2]")
        members = [self.compile(one, depth + 1) for one in node.elts]
        return lambda point: [member(point) for member in members]


def _connective(op: ast.boolop, parts: list[_Evaluate]) -> _Evaluate:
    if isinstance(op, ast.And):
        return lambda point: all(part(point) for part in parts)
    return lambda point: any(part(point) for part in parts)


def _arithmetic(
    function: Callable[[Any, Any], Any], left: _Evaluate, right: _Evaluate
) -> _Evaluate:
    return lambda point: function(_number(left(point)), _number(right(point)))


def _number(value: Any) -> int | float:
    # Python would repeat a text that is multiplied, and format one with '%'.
    if not isinstance(value, int | float):
        raise TypeError
    return value


class _Wrong(Exception):
    """What is wrong with the text of a rule."""

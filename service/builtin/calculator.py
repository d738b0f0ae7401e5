"""Arithmetic, exact: fractions throughout, decimals at the end."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

from service.tools import CallContext, Preview, ToolArgumentsInvalid, ToolResult

_LONGEST = 1000  # characters of an expression
_DEEPEST = 60
_BITS = 20_000  # of a number on the way
_SHOWN = 34  # digits of a result
_PRECISION = Context(prec=50)
_SIGNS = str.maketrans("×·÷−–^，（）", "**/--^,()")
_PERCENT = re.compile(r"(?<=[\d)])\s*%(?=\s*(?:$|[-+*/),]))")


class _Wrong(Exception):
    """Says what cannot be computed."""


@dataclass(frozen=True)
class Calculator:
    """Computes an expression. Sends nothing."""

    name: str = "calculator"
    description: str = (
        "Computes an arithmetic expression exactly. Use it for every calculation. Takes + - * / // ** "
        "parentheses, % as percent after a number (mod(a, b) for a remainder), and abs, ceil, exp, floor, "
        "ln, log10, max, mean, min, mod, round, sqrt, sum; pi and e. Numbers without thousands separators."
    )
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "such as 1250 * (1 + 10%)"}},
            "required": ["expression"],
            "additionalProperties": False,
        }
    )
    consequential: bool = False

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """The calculation. Raises ToolArgumentsInvalid where it is none."""
        written = arguments.get("expression")
        if not isinstance(written, str) or not written.strip():
            raise ToolArgumentsInvalid("expression must be the calculation as text, such as 12 * 3.5.")
        _tree(written)
        return Preview(method="", host="", path=self.name, arguments={"expression": written})

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """The result, or what is wrong with the calculation."""
        written = str(arguments["expression"])
        text = compute(written)
        return ToolResult(text=text, ok=True, size=len(text))


def compute(expression: str) -> str:
    """`0.1 + 0.2` is `0.3`; what has no end is marked with ≈. Raises ToolArgumentsInvalid."""
    try:
        value = _value(_tree(expression), _DEEPEST)
        return _written(value)
    except ZeroDivisionError:
        raise ToolArgumentsInvalid("The expression divides by zero.") from None
    except (_Wrong, ArithmeticError, ValueError) as wrong:
        raise ToolArgumentsInvalid(f"This cannot be computed: {wrong}.") from None


def _tree(expression: str) -> ast.expr:
    if len(expression) > _LONGEST:
        raise ToolArgumentsInvalid(f"The expression is longer than {_LONGEST} characters; take it in parts.")
    plain = _PERCENT.sub("*(1/100)", expression.translate(_SIGNS).replace("^", "**").strip().rstrip("="))
    if re.search(r"\d,\d{3}(?!\d)", plain) and "(" not in plain:
        raise ToolArgumentsInvalid("Write numbers without thousands separators: 1250, not 1,250.")
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ToolArgumentsInvalid(
            "The expression is no arithmetic; write numbers, + - * / ** and parentheses."
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.kind = ast.get_source_segment(plain.strip(), node)
    return tree


def _value(node: ast.expr, depth: int) -> Fraction:
    if depth == 0:
        raise _Wrong("it is nested too deeply")
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _number(node)
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in (ast.UAdd, ast.USub):
        value = _value(node.operand, depth - 1)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _value(node.left, depth - 1), _value(node.right, depth - 1)
        return _bounded(_OPERATIONS[type(node.op)](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _called(node.func.id, [_value(each, depth - 1) for each in node.args])
    said = ast.unparse(node)[:40]
    raise _Wrong(f"{said!r} is neither a number nor one of {', '.join(_FUNCTIONS)}")


def _number(node: ast.Constant) -> Fraction:
    """As it is written: 0.1 is a tenth, not the nearest float."""
    if isinstance(node.value, int):
        return _bounded(Fraction(node.value))
    written = str(node.kind).replace("_", "")
    if len(written.lower().partition("e")[2]) > 5:
        raise _Wrong("a number gets too large")
    return _bounded(Fraction(written))


def _called(name: str, values: list[Fraction]) -> Fraction:
    if name not in _FUNCTIONS:
        raise _Wrong(f"there is no function {name[:40]}; there are {', '.join(_FUNCTIONS)}")
    function, least, most = _FUNCTIONS[name]
    if not least <= len(values) <= most:
        takes = str(least) if least == most else f"{least} or more"
        raise _Wrong(f"{name} takes {takes} numbers, not {len(values)}")
    return _bounded(function(*values))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
        raise _Wrong("a number gets too large")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator == 1:
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if size * abs(exponent.numerator) > _BITS:
            raise _Wrong("a number gets too large")
        return Fraction(base**exponent.numerator)
    if base < 0:
        raise _Wrong("a negative number has no such root")
    return _rough(lambda number: number ** _decimal(exponent), base)


def _rough(function: Callable[[Decimal], Decimal], value: Fraction) -> Fraction:
    """Of what has no exact result: 50 digits of it."""
    with localcontext(_PRECISION):
        return Fraction(function(_decimal(value)))


def _decimal(value: Fraction) -> Decimal:
    return _PRECISION.divide(Decimal(value.numerator), Decimal(value.denominator))


def _root(value: Fraction) -> Fraction:
    if value < 0:
        raise _Wrong("a negative number has no square root")
    above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
    exact = above**2 == value.numerator and below**2 == value.denominator
    return Fraction(above, below) if exact else _rough(Decimal.sqrt, value)


def _logarithm(function: Callable[[Decimal], Decimal]) -> Callable[[Fraction], Fraction]:
    def logarithm(value: Fraction) -> Fraction:
        if value <= 0:
            raise _Wrong("only numbers above zero have a logarithm")
        return _rough(function, value)

    return logarithm


def _exponential(value: Fraction) -> Fraction:
    if abs(value) > 1000:
        raise _Wrong("a number gets too large")
    return _rough(Decimal.exp, value)


def _round(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    """Halves away from zero, as people do."""
    if places.denominator != 1 or abs(places) > 100:
        raise _Wrong("round takes a whole number of places")
    scale = Fraction(10) ** places.numerator
    half = Fraction(math.floor(abs(value) * scale + Fraction(1, 2))) / scale
    return half if value >= 0 else -half


_CONSTANTS = {
    "pi": Fraction("3.14159265358979323846264338327950288419716939937511"),
    "e": Fraction("2.71828182845904523536028747135266249775724709369996"),
}
_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda left, right: Fraction(left // right),
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_FUNCTIONS: dict[str, tuple[Callable[..., Fraction], int, int]] = {
    "abs": (abs, 1, 1),
    "ceil": (lambda value: Fraction(math.ceil(value)), 1, 1),
    "exp": (_exponential, 1, 1),
    "floor": (lambda value: Fraction(math.floor(value)), 1, 1),
    "ln": (_logarithm(Decimal.ln), 1, 1),
    "log10": (_logarithm(Decimal.log10), 1, 1),
    "max": (lambda *values: max(values), 1, 200),
    "mean": (lambda *values: sum(values, Fraction(0)) / len(values), 1, 200),
    "min": (lambda *values: min(values), 1, 200),
    "mod": (operator.mod, 2, 2),
    "round": (_round, 1, 2),
    "sqrt": (_root, 1, 1),
    "sum": (lambda *values: sum(values, Fraction(0)), 1, 200),
}


def _written(value: Fraction) -> str:
    if value.denominator == 1 and abs(value) < Fraction(10) ** 60:
        return str(value.numerator)
    with localcontext(Context(prec=_SHOWN)):
        shown = (Decimal(value.numerator) / Decimal(value.denominator)).normalize()
    text = f"{shown:f}" if -40 < shown.adjusted() < 60 else f"{shown:e}"
    return text if Fraction(shown) == value else f"≈ {text}"

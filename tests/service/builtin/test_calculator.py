import pytest

from service.builtin.calculator import Calculator, compute
from service.tools import ToolArgumentsInvalid


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("0.1 + 0.2", "0.3"),
        ("1250 * (1 + 10%)", "1375"),
        ("5% - 3", "-2.95"),
        ("10 % 3", "1"),
        ("mod(10, 3)", "1"),
        ("100 × 3 ÷ 4", "75"),
        ("2^10", "1024"),
        ("2**0.5", "≈ 1.414213562373095048801688724209698"),
        ("1/3", "≈ 0.3333333333333333333333333333333333"),
        ("sqrt(16)", "4"),
        ("round(2.675, 2)", "2.68"),
        ("round(-2.5)", "-3"),
        ("sum(1, 2, 3) =", "6"),
        ("mean(1, 2)", "1.5"),
        ("1234567890123456789012345 * 10", "12345678901234567890123450"),
        ("0.12345678901234567890123 * 10", "1.2345678901234567890123"),
    ],
)
def test_it_computes_exactly(expression: str, result: str) -> None:
    assert compute(expression) == result


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("1,250 * 2", "without thousands separators"),
        ("1/0", "divides by zero"),
        ("9**9**9", "too large"),
        ("1e999999999", "too large"),
        ("exp(100000)", "too large"),
        ("ln(0)", "above zero"),
        ("(-8)**0.5", "no such root"),
        ("__import__('os').system('id')", "cannot be computed"),
        ("(1).__class__", "neither a number"),
        ("'a' * 9", "neither a number"),
        ("[1 for _ in x]", "neither a number"),
        ("price * 2", "neither a number"),
        ("round(1, 2, 3)", "takes"),
        ("tan(1)", "there are abs"),
        ("1 +", "no arithmetic"),
        ("(" * 80 + "1" + ")" * 80 + "+" * 70 + "1", "nested too deeply"),
        ("1" * 2000, "longer than"),
    ],
)
def test_what_cannot_be_computed_is_said(expression: str, says: str) -> None:
    with pytest.raises(ToolArgumentsInvalid, match=says):
        compute(expression)


def test_nothing_leaves() -> None:
    assert Calculator().preview({"expression": "1 + 1"}).host == ""
    with pytest.raises(ToolArgumentsInvalid, match="expression must be"):
        Calculator().preview({})

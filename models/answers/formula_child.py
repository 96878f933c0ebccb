"""The process that compares formulas: the only one that imports sympy and math-verify.

It reads one question a line on stdin and answers each with a line on stdout, until stdin ends. Formulas are read by
math-verify. Numbers are compared to fifty digits of their own size, since it rounds to six places, in which 1/2^99 is
1/2^98; formulas with unknowns at points, exactly, where theirs are compared by a rewriting that may not end; what is
neither, such as a matrix or a set, is left to it.
"""

import json
import logging
import os
import re
import resource
import signal
import sys
from contextlib import suppress
from functools import lru_cache
from typing import Any

DIGITS = 50
SAME_DIGITS = 40  # in which two numbers agree that are equal
MOST_DEPTH = 20_000  # calls within calls

_FUNCTION = "sin|cos|tan|cot|sec|csc|ln|log"
Read = Any  # what math-verify reads a formula as: an object of sympy's


def main() -> None:
    """Serve questions until stdin ends. Arguments: seconds of processor time a question, bytes of memory in all."""
    seconds, memory_bytes = float(sys.argv[-2]), int(sys.argv[-1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    logging.disable(logging.CRITICAL)
    _give_up_what_is_not_needed(memory_bytes)
    with suppress(Exception):
        _read(r"\frac{\sqrt{2}}{x}")  # loads the grammar
    answers.write("{}\n")
    answers.flush()
    for line in sys.stdin.buffer:
        # without a handler the signal ends the process even in the middle of one endless multiplication
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = json.dumps(_answer(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(answer + "\n")
        answers.flush()


def _give_up_what_is_not_needed(memory_bytes: int) -> None:
    limits = {resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for limit, value in limits.items():
        with suppress(ValueError, OSError):  # a system that does not have or lower this one; there the parent looks
            resource.setrlimit(limit, (value, value))


def _answer(line: bytes) -> dict[str, Any]:
    question = json.loads(line)
    try:
        if "formula" in question:
            return {"value": _value(question["formula"])}
        return _compared(question["answer"], question["gold"])
    except MemoryError:
        return {"fault": "too large"}
    except RecursionError:
        return {"fault": "too large"}
    except Exception as error:  # sympy raises whatever its parts raise
        return {"fault": "failed", "unread": type(error).__name__}


def _compared(answer: str, gold: str) -> dict[str, Any]:
    from models.answers import equality

    unread: list[str] = []

    def leaf(ours: str, theirs: str) -> bool:
        a, b = _read(ours), _read(theirs)
        if a is None or b is None:
            unread.append("answer" if a is None else "gold")
            return False
        return _same(a, b)

    found = equality.equal(answer, gold, leaf)
    return {"equal": bool(found), "unread": unread[0] if unread and not found else ""}


def _value(formula: str) -> float | None:
    read = _read(formula)
    if read is None or _unknowns(read):
        return None
    return float(read.doit().evalf(DIGITS))


@lru_cache(256)
def _read(formula: str) -> Read | None:
    """A formula as sympy's object, None for what can't be read."""
    from latex2sympy2_extended import normalize_latex
    from math_verify.parser import LatexExtractionConfig, parse_latex_cached

    text = _latex(formula)
    if not text or not _is_balanced(text):
        return None
    with suppress(Exception):
        read = parse_latex_cached(normalize_latex(text, LatexExtractionConfig().normalization_config))
        return _exact(read) if hasattr(read, "free_symbols") else read
    return None


def _latex(formula: str) -> str:
    """Plain spellings as LaTeX has them."""
    text = re.sub(r"(?<=\w)\*\*(?=[\w({-])", "^", formula.strip())
    text = re.sub(r"(?<!\\)\b(sqrt|sin|cos|tan|log|ln|exp|pi|infty)\b", r"\\\1", text)
    for _ in range(4):
        text = re.sub(r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text)
        text = re.sub(r"(?<!\\left)\^\s*\(([^()]*)\)", r"^{\1}", text)
    text = re.sub(rf"\\({_FUNCTION})\s+([a-zA-Z0-9]|\\[a-z]+)(?=\s*\\(?:{_FUNCTION}))", r"\\\1(\2)", text)
    text = re.sub(r"\\binom\s*([0-9a-z])\s*([0-9a-z])", r"\\binom{\1}{\2}", text)
    text = re.sub(r"\\sqrt\s*([0-9]+)", r"\\sqrt{\1}", text)  # as it is meant: the root of 12, not of 1
    return re.sub(r"(?<=[0-9a-zA-Z)}])\s*\*\s*(?=[0-9a-zA-Z(\\{])", r" \\cdot ", text)


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in re.sub(r"\\[{}]", "", text):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _exact(read: Read) -> Read:
    """Decimals as the fractions they are, i as the root of -1 and e as Euler's number."""
    import sympy

    if not hasattr(read, "atoms"):
        return read
    exact = {value: sympy.Rational(str(value)) for value in read.atoms(sympy.Float)}
    constants = {"i": sympy.I, "e": sympy.E}
    exact |= {symbol: constants[symbol.name] for symbol in read.free_symbols if symbol.name in constants}
    return read.xreplace(exact) if exact else read


def _unknowns(read: Read) -> set[Any]:
    return set(getattr(read, "free_symbols", ()))


def _same(answer: Read, gold: Read) -> bool:
    """Whether two read formulas are equal."""
    import sympy
    from sympy.core.relational import Relational

    if isinstance(answer, sympy.MatrixBase) and isinstance(gold, sympy.MatrixBase):
        return answer.shape == gold.shape and all(map(_same, answer, gold))
    if isinstance(answer, Relational) and isinstance(gold, Relational):
        return _same_relation(answer, gold)
    if isinstance(answer, Relational) or isinstance(gold, Relational):
        return False if _is_value(answer) or _is_value(gold) else _by_math_verify(answer, gold)
    if _is_value(answer) and _is_value(gold):
        return _same_value(answer, gold)
    return _by_math_verify(answer, gold)


def _is_value(read: Read) -> bool:
    import sympy

    return isinstance(read, sympy.Expr)


def _by_math_verify(answer: Read, gold: Read) -> bool:
    from math_verify import verify

    return bool(verify(gold, answer, allow_set_relation_comp=True, timeout_seconds=None))


def _same_value(answer: Read, gold: Read) -> bool:
    if answer == gold:
        return True
    unknowns = sorted(_unknowns(answer) | _unknowns(gold), key=str)
    if not unknowns:
        return _close(_at(answer, {}), _at(gold, {}))
    if _unknowns(answer) != _unknowns(gold):
        answer, gold = answer.doit(), gold.doit()
    compared = 0
    for point in _points(unknowns):
        a, b = _at(answer, point), _at(gold, point)
        if a is None and b is None:
            continue
        if not _close(a, b):
            return False
        compared += 1
    return compared > 1


def _same_relation(answer: Read, gold: Read) -> bool:
    """Whether two equations or inequalities say the same: their differences are in one ratio at every point."""
    import sympy

    turned = {sympy.Gt: sympy.Lt, sympy.Ge: sympy.Le}
    if type(answer) in turned:
        answer = turned[type(answer)](answer.rhs, answer.lhs, evaluate=False)
    if type(gold) in turned:
        gold = turned[type(gold)](gold.rhs, gold.lhs, evaluate=False)
    if type(answer) is not type(gold):
        return False
    ours, theirs = answer.lhs - answer.rhs, gold.lhs - gold.rhs
    unknowns = sorted(_unknowns(ours) | _unknowns(theirs), key=str)
    if _unknowns(ours) != _unknowns(theirs):
        return False
    ratios = []
    for point in _points(unknowns):
        a, b = _at(ours, point), _at(theirs, point)
        if a is None or b is None or not a or not b:
            continue
        ratios.append(a / b)
    if len(ratios) < 2 or not all(_close(ratio, ratios[0]) for ratio in ratios):
        return False
    return isinstance(gold, sympy.Eq | sympy.Ne) or bool(ratios[0].is_real and ratios[0] > 0)


def _points(unknowns: list[Any]) -> list[dict[Any, Any]]:
    """Where formulas are compared: positive and negative, small and large, one fraction an unknown."""
    import random

    from sympy import Float, Rational

    draw = random.Random(7)
    scales = (1, 1, 10, 3, 30, 2)
    signs = (1, -1, 1, -1, 1, 1)
    return [
        {unknown: Float(Rational(sign * draw.randint(101, 997) * scale, 331), DIGITS) for unknown in unknowns}
        for sign, scale in zip(signs, scales, strict=True)
    ]


def _at(read: Read, point: dict[Any, Any]) -> Any | None:
    """The value at a point, None where there is none."""
    import sympy

    value = read.xreplace(point) if point else read
    value = value.doit()
    if value in (sympy.oo, -sympy.oo) or value.is_Rational:
        return value
    value = value.evalf(DIGITS)
    return value if value.is_number and value.is_finite else None


def _close(answer: Any | None, gold: Any | None) -> bool:
    """Whether two numbers agree to SAME_DIGITS digits of the larger."""
    import sympy

    if answer is None or gold is None:
        return False
    if answer == gold or (answer.is_Rational and gold.is_Rational):
        return bool(answer == gold)
    infinite = (sympy.oo, -sympy.oo)
    if answer in infinite or gold in infinite:
        return False
    size = max(abs(answer), abs(gold))
    return bool(abs((answer - gold).evalf(DIGITS)) <= size * sympy.Float(10) ** -SAME_DIGITS)


if __name__ == "__main__":
    main()

"""The verifier: checks a second on the exact path and through algebra, and how many of MATH-500's golds need no algebra.

Answers of the exact path are made here by seed, as models write them: integers, decimals, fractions, percentages and
letters, boxed or stated, some behind thinking. A gold needs no algebra when the verifier decides without it about the
reference solution's own answer and about the answers of three other problems.
"""

import json
import random
import time
from pathlib import Path

from models.answers import canonical, equality, formulas, tags
from models.answers.notation import one_notation
from models.answers.verify import verify
from tests.benchmarks import lessons
from tests.benchmarks.figures import Figure, at_least

CHECKS = 20_000
ROUNDS = 3
FORMULAS = (
    (r"\sqrt{8}", r"2\sqrt{2}"), ("(x+1)^2", "x^2+2x+1"), (r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt{3}}"), ("x+y=3", "2x+2y=6"),
    (r"2\pi", r"3\pi"), ("2^{10}", "1024"), (r"\binom{5}{2}", "10"), ("3x-1", "3x+1"), (r"\sqrt{5}-1", r"1-\sqrt{5}"),
)  # fmt: skip


def measure() -> list[Figure]:
    """Measure."""
    figures = [at_least("checks on the exact path", max(_exact_path() for _ in range(ROUNDS)), "checks/s", 20_000)]
    figures.append(Figure("checks through algebra", max(_algebra() for _ in range(ROUNDS)), "checks/s"))
    data = lessons.folder()
    problems = data / "eval" / "math500_test.jsonl" if data else None
    if problems and problems.is_file():
        figures.append(Figure("MATH-500 golds decided without algebra", 100 * _decided(problems), "%"))
    return figures


def _exact_path() -> float:
    """Checks a second of this process's own time: nothing is waited for."""
    draw = random.Random(0)
    cases = [_case(draw) for _ in range(CHECKS)]
    begun = time.process_time()
    right = sum(bool(verify(answer, gold).correct) for answer, gold in cases)
    seconds = time.process_time() - begun
    assert right == CHECKS
    return CHECKS / seconds


def _case(draw: random.Random) -> tuple[str, str]:
    number = draw.randint(1, 9999)
    return draw.choice(
        [
            (f"So the answer is \\boxed{{{number}}}.", str(number)),
            (f"\\boxed{{{number}.50}}", f"{number}.5"),
            (f"\\boxed{{\\frac{{{number}}}{{10000}}}}", f"{number}/10000"),
            (f"\\boxed{{{number}\\%}}", f"{number}\\%"),
            (f"<think>\n{'so ' * 500}\n</think>\n#### {number:,}", str(number)),
            (f"\\boxed{{{number}}} it is, not {number + 1}", str(number)),
            ("\\boxed{\\text{(B)}}", "B"),
        ]
    )


def _algebra() -> float:
    verify(r"\sqrt{12}", r"2\sqrt{3}")  # the process is started
    begun = time.perf_counter()
    count = 0
    while time.perf_counter() - begun < 2:
        answer, gold = FORMULAS[count % len(FORMULAS)]
        formulas.compare(answer, gold)
        count += 1
    return count / (time.perf_counter() - begun)


def _decided(problems: Path) -> float:
    rows = [json.loads(line) for line in problems.read_text("utf-8").splitlines()]
    golds = [one_notation(row["answer"]) for row in rows]
    draw = random.Random(0)
    decided = 0
    for row, gold in zip(rows, golds, strict=True):
        others = [canonical.taken(tags.answer_of(row["solution"]) or ""), *draw.sample(golds, 3)]
        decided += all(equality.equal(other, gold) is not None for other in others)
    return decided / len(rows)

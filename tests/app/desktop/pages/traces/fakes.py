"""Sets to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from models import paths
from models.traces import store
from models.traces.checks import Limits
from models.traces.trace import Trace, from_chat
from tests.returned import run

PELL = (
    "This is a Pell-type equation. The fundamental solution of x² − 5y² = 4 is (3, 1), since 9 − 5 = 4. All solutions "
    "come from ((3+√5)/2)ⁿ … wait, check n even: (x, y) are Lucas and Fibonacci numbers with even index, so each one is "
    "found by going on from the last. (3, 1), (7, 3), (18, 8), (47, 21), (123, 55); the next x is 322, which is too big."
)
ASKED = (
    ("Sum of the roots of 3x³ − 7x² + 2 = 0", "By Vieta the sum is −(−7)/3 = 7/3.", "7/3", {"verified": True}),
    ("Least n with n! divisible by 2²⁰", "Legendre: 12 + 6 + 3 + 1 = 22 at 24, 18 at 20.", "24", {"verified": True}),
    ("A fair coin is tossed until two heads in a row come. How many tosses are expected?",
     "Let E be the mean. E = 6.", "\\boxed{6}", {"verified": True, "model": "R1-Distill-Qwen-14B", "tokens": 1904}),
    ("Area of the triangle with sides 13, 14, 15", "s = 21, Heron: √(21·8·7·6) = 84.", "84", {"verified": True}),
    ("Area of the triangle with sides 13, 14, 15", "s = 21, Heron: √(21·8·7·6) = 84.", "84", {"verified": True}),
    ("Prove that √2 is irrational", "Suppose it is not. " * 1600, "Done.", {}),
    ("Number of 5-card hands with two pairs", "13·12/2 · 6 · 6 · 44.", "123,552",
     {"verified": True, "model": "R1-Distill-Qwen-14B", "tokens": 540}),
    ("What is the last digit of 7¹⁰⁰?", "The digits go 7, 9, 3, 1 and 100 is a multiple of 4.", "", {}),
    ("Solve |x − 2| + |x + 3| = 9", "For x > 2: 2x + 1 = 9. For x < −3: −2x − 1 = 9.", "−5, 4", {}),
    ("Probability that a random chord is longer than the side of the inscribed triangle",
     "It depends on what random means; by endpoints it is 1/3.", "1/3",
     {"verified": False, "gold": "1/2", "model": "R1-Distill-Qwen-14B"}),
)  # fmt: skip


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


def asked_rows() -> list[dict[str, Any]]:
    """Rows as in the picture."""
    return [{"problem": p, "thinking": t, "answer": a, **known} for p, t, a, known in ASKED]


def add(name: str, path: Path, max_tokens: int | None = 8192) -> None:
    """Put a file into a set."""
    run(store.add(name, [path], limits=Limits(max_tokens=max_tokens)))


def captured() -> Trace:
    """A reply that was used as a trace."""
    problem = "Find all positive integer solutions of x² − 5y² = 4 with x < 200."
    return from_chat(
        problem, PELL, "(3,1), (7,3), (18,8), (47,21), (123,55)", "R1-Distill-Qwen-7B 4-bit", 2048, tokens=734
    )


def pictured_set(folder: Path, name: str = "thesis-maths") -> str:
    """The set of the picture: a captured reply, a file with rows of every fate. Gives its name."""
    store.append(name, [captured()])
    add(name, write_rows(folder / "olympiad.jsonl", asked_rows()))
    return name


def many_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows that differ, of lengths that differ."""
    return [
        {"problem": f"What is {n} times {n + 7}, and how many digits has it?",
         "thinking": f"{n} times {n + 7} is {n * (n + 7)}. " + f"Check {n}: the digits are counted once more. " * (n * 7919 % 97),
         "answer": f"\\boxed{{{n * (n + 7)}}}", "verified": n % 3 == 0 or None}
        for n in range(start, start + count)
    ]  # fmt: skip


def write_set(name: str, count: int) -> None:
    """A set of so many traces, written as it lies on the disk: an import of 100,000 would take minutes in a test."""
    folder = paths.traces_folder() / name
    folder.mkdir()
    with (folder / store.DATA).open("wb") as file:
        for n, row in enumerate(many_rows(count)):
            file.write(msgspec.json.encode({"id": f"{n:016x}", "source": "many.jsonl", "line": n + 1, **row}) + b"\n")

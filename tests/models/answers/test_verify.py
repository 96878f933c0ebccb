"""Whether an answer is right, by every kind of verifier, with answers that are meant to break it among them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import models
from models.answers import canonical, equality, formulas
from models.answers import verify as verifying
from models.answers.notation import one_notation
from models.answers.verify import unreadable, verify
from models.errors import BadInput

TABLES = Path(__file__).parents[2] / "data" / "answers"
DATA = Path(os.environ.get("STILLROOM_BENCH_DATA", Path(__file__).parents[4] / "shared" / "data"))
TRACES = DATA / "traces" / "math_r1distill_llama8b_153.jsonl"
# Right, though math-verify 0.9 takes them for wrong: an interval written as inequalities that words join, and 1/29322216
# and 2469/20000 where the gold groups the thousands of its denominator with ",\\!".
RIGHT_AFTER_ALL = {"problem_4646", "problem_1907", "problem_5417"}


def pairs(table: str) -> Iterator[tuple[str, str]]:
    """(gold, answer) of a table: a line is a gold and its answers, with tabs between."""
    for line in (TABLES / table).read_text("utf-8").splitlines():
        gold, *answers = line.split("\t")
        yield from ((gold, answer) for answer in answers)


def reply(answer: str) -> str:
    return answer if "boxed" in answer or "answer" in answer else f"\\boxed{{{answer}}}"


def wrong_of(table: str, equal: bool, every: int = 1) -> list[tuple[str, str]]:
    """Pairs of a table that are judged wrong. every: of the pairs that only algebra decides, take one in so many."""
    algebra, wrong = 0, []
    for gold, answer in pairs(table):
        if equality.equal(canonical.taken(reply(answer)), one_notation(gold)) is None:
            algebra += 1
            if algebra % every:
                continue
        if verify(reply(answer), gold).correct is not equal:
            wrong.append((gold, answer))
    return wrong


@pytest.mark.parametrize(("table", "equal"), [("equal.tsv", True), ("unequal.tsv", False)])
def test_the_table_of_answers(table: str, equal: bool):
    assert len(list(pairs(table))) >= 200
    assert wrong_of(table, equal, every=5) == []


@pytest.mark.slow
@pytest.mark.parametrize(("table", "equal"), [("equal.tsv", True), ("unequal.tsv", False)])
def test_the_whole_table_of_answers(table: str, equal: bool):
    assert wrong_of(table, equal) == []


FORMS = ("{}", "${}$", "So it is {}.", "Therefore the answer is ${}$.", "The final answer is {}")
# In prose an exclamation mark is one, and a percentage of something is no formula.
ONLY_BOXED = ("5!", "4!", "42\\% of x")


def test_the_table_without_boxes():
    """What is said plainly is taken as what is boxed, where no algebra is needed to see it."""
    wrong = []
    for table, equal in (("equal.tsv", True), ("unequal.tsv", False)):
        for gold, answer in pairs(table):
            if answer in ONLY_BOXED or "boxed" in answer or "answer" in answer:
                continue
            if equality.equal(canonical.taken(reply(answer)), one_notation(gold)) is None:
                continue
            said = [form.format(answer) for form in FORMS if "$" not in answer or "$" not in form]
            wrong += [(gold, text) for text in said if verify(text, gold).correct is not equal]
    assert wrong == []


@pytest.mark.parametrize(
    ("said", "gold"),
    [
        ("Therefore, Janet makes $18 every day at the farmer's market.", "18"),
        ("It takes 3 bolts in total.", "3"),
        ("The correct answer is 12, not 13.", "12"),
        ("My answer is 12 (twelve).", "12"),
        ("The answer is approximately 12.", "12"),
        ("The answer is between 3 and 5, so 4.", "4"),
        ("Step 1: 2. Step 2: 4. Final answer: 6. Let me know if you need help!", "6"),
        ("The solutions are x = 3 and x = 5.", "3,5"),
        ("The answers are $3$ and $5$.", "3,5"),
        ("### Final Answer\n$$\n7\n$$", "7"),
        ("So\n\\[\n x = 7 \n\\]", "7"),
        ("3 + 4 = 7", "7"),
        ("The total is 3 + 4 = 7.", "7"),
        ("We get x + 2.", "x+2"),
        ("Hence it is ±3.", "\\pm 3"),
        ("The train leaves at 12:30 PM.", "12:30 pm"),
        ("The capital is Paris.", "Paris"),
        ("<answer>7</answer>", "7"),
        ("A: 42", "42"),
    ],
)
def test_what_models_say_at_the_end(said: str, gold: str):
    assert verify(said, gold).correct is True


@pytest.mark.slow
def test_what_is_unequal_is_so_in_both_directions():
    wrong = [(a, b) for a, b in pairs("unequal.tsv") if not a.startswith("\\text") and verify(reply(a), b).correct]
    # a number in a base that the answer names, of a gold that names none, is another number
    assert wrong == []


def test_votes_that_are_one_answer_are_equal_to_the_verifier():
    for table in ("equal.tsv", "unequal.tsv"):
        for gold, answer in pairs(table):
            if (
                canonical.canonical(reply(answer)) == canonical.canonical(f"\\boxed{{{gold}}}")
                and table == "unequal.tsv"
            ):
                # only what a vote on one question overlooks: another unit, or another name
                assert any(
                    mark in answer
                    for mark in ("m", "cent", "kg", "radians", "second", "minute", "hour", "day", "y=", "°", "x=")
                )


@pytest.mark.skipif(not TRACES.exists(), reason="the traces are not here")
def test_it_agrees_with_math_verify_on_real_traces():
    rows = [json.loads(line) for line in TRACES.read_text("utf-8").splitlines()]
    differ = set()
    for row in rows:
        verdict = verify(row["response"], row["gt_answer"], problem=row["problem"])
        assert (verdict.correct is None) is not row["closed"]
        if row["closed"] and verdict.correct is not row["math_verify_correct"]:
            differ.add(row["id"])
    assert differ == RIGHT_AFTER_ALL


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("<think>maybe \\boxed{3}</think>It is \\boxed{4}.", "4"),
        ("I first thought \\boxed{3}.</think>\n\n**Answer:** \\boxed{4}", "4"),  # the template opened it
        ("<think>a</think></think>\n\\boxed{4}", "4"),
        ("<think>a</think><think>b \\boxed{3}</think>\\boxed{4}", "4"),
        ("\\boxed{3}, no, \\boxed{4}", "4"),
        ("\\boxed{4} and \\boxed{", "4"),
        ("\\boxed{4} in \\boxed{}", "4"),
        ("\\boxed 4", "4"),
        ("The final answer is $4$. I hope it is correct.", "4"),
        ("The final answer is 4, since 2 + 2 = 4 and 3 + 3 = 6.", "4"),
        ("**Answer:** 4\n\nThis follows from 2 + 2.", "4"),
        ("Final Answer\n\n4", "4"),
        ("2 + 2 = 4\n#### 4", "4"),
        ("So there are 4 apples.", "4"),
        ("<|begin_of_thought|>3<|end_of_thought|><|begin_of_solution|>It is 4.<|end_of_solution|>", "4"),
        ("[THINK]3[/THINK]The result equals 4", "4"),
    ],
)
def test_what_is_taken_for_the_answer(said: str, taken: str):
    verdict = verify(said, "4")
    assert verdict.correct is True
    assert canonical.plain(verdict.answer) == taken


@pytest.mark.parametrize(
    "said", ["<think>it is \\boxed{4}", "Well <think>it is 4", "<think>a</think><think>\\boxed{4}"]
)
def test_a_reply_that_never_closes_is_cut_and_not_wrong(said: str):
    verdict = verify(said, "4")
    assert verdict.correct is None
    assert verdict.cut
    assert "never closed" in verdict.reason


def test_a_reply_that_ended_at_a_limit_is_cut():
    verdict = verify("<think>a</think>So it is \\boxed{4}, bec", "4", cut=True)
    assert (verdict.correct, verdict.reason) == (None, verifying.CUT)


def test_nothing_is_no_answer():
    assert verify("<think>a</think>", "4") == verify("", "4")
    assert verify("  ", "4").reason == verifying.NOTHING


@pytest.mark.parametrize(
    ("problem", "gold", "answer", "right"),
    [
        ("What percent of them are red?", "50", "50\\%", True),
        ("What percent of them are red?", "50\\%", "0.5", False),
        ("What percent of them are red?", "50\\%", "50", True),
        ("What is half, as a decimal?", "0.5", "50\\%", True),
        ("", "50\\%", "0.5", True),
        ("", "0.5", "50", False),
    ],
)
def test_a_percentage_where_the_problem_asks_for_one(problem: str, gold: str, answer: str, right: bool):
    assert verify(f"\\boxed{{{answer}}}", gold, problem=problem).correct is right


MEASURED = [
    ("9.8 m/s^2", "9.8 m·s⁻²", True),
    ("9.8 m/s^2", "980 cm/s^2", True),
    ("9.8 m/s^2", "9.8", True),
    ("9.8 m/s^2", r"$9.8\ \mathrm{m\,s^{-2}}$", True),
    ("9.8 m/s^2", r"\boxed{9.8\text{ m/s}^2}", True),
    ("9.8 m/s^2", "9.8 m/s", False),
    ("9.8 m/s^2", "9.8 kg", False),
    ("9.8 m/s^2", "98 m/s^2", False),
    ("25 °C", "77 °F", True),
    ("25 °C", "298.15 K", True),
    ("25 °C", "25 F", False),
    ("25 °C", r"25^\circ\text{C}", True),
    ("0 °C", "32 degrees Fahrenheit", True),
    ("1 mile", "1.609344 km", True),
    ("5280 feet", "1 mi", True),
    ("90 km/h", "25 m/s", True),
    ("2.5 hours", "2 hours and 30 minutes", True),
    ("63 inches", "5 ft 3 in", True),
    ("1500 m", "1.5 \\times 10^3 m", True),
    ("1500 m", "1.5e3 m", True),
    ("1200 J", "about 1,200 J", True),
    ("1200 J", "1.2 kJ", True),
    ("1200 J", "1200 N m", True),
    ("1200 J", "1200 W", False),
    ("50 %", "0.5", False),
    ("0.5", "50 %", True),
    ("$5", "$5.00", True),
    ("$5", "500 cents", True),
    ("12", "12 apples", True),
    ("6.283185307", r"2\pi", True),
    ("3", "The speed is 3 m/s.", True),
    ("3 m/s", "So the speed is v = 3 m/s.", True),
    ("3", "three", False),
    ("0", "0.0", True),
    ("0", "0.1", False),
    ("9.8 m/s^2", r"$9.8\,\frac{\text{m}}{\text{s}^2}$", True),
    ("9.8 m/s^2", "9.8 meters per second squared", True),
    ("9.8 m/s^2", "9.8 N/kg", True),
    ("20 C", "68 F", True),
    ("2.5 µm", "2500 nm", True),
    ("5 kΩ", "5000 ohms", True),
    ("10 m^3", "10 m2", False),
    ("180 degrees", r"\pi radians", True),
    ("$20", "€20", False),
    ("2", r"\sqrt{4}", True),
    ("1234567", "1234568", False),
    ("1 acre", "4046.87 m^2", True),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer", "right"), MEASURED)
def test_a_quantity(gold: str, answer: str, right: bool):
    assert verify(answer, gold, "number").correct is right


def test_a_number_within_its_tolerance_and_in_the_unit_of_the_problem():
    assert verify("3.14", "3.14159", "number", tolerance=0.001).correct
    assert not verify("3.14", "3.14159", "number", tolerance=0.0001).correct
    assert verify("100 cm", "1", "number", unit="m").correct
    assert verify("1", "1", "number", unit="m").correct
    assert verify("1", "100 cm", "number", unit="m").correct
    verdict = verify("1 kg", "1", "number", unit="m")
    assert not verdict.correct
    assert "kg is no unit for what is asked in m" in verdict.reason
    assert "off by 0.5" in verify("1.5", "1", "number").reason


CHOICES = ["Paris", "London", "Rome", "42 kg"]


@pytest.mark.parametrize(
    "answer",
    ["B", "(B)", "b.", "\\boxed{B}", "\\boxed{\\text{(B)}}", "B) London", "The answer is B.", "The correct option is (B), I think.",
     "It's London.", "London is the capital.", "A and C are wrong, D too, so B", "\\boxed{\\textbf{(B)}\\ London}",
     "London", "\\boxed{London}", "Answer: **B**", "I considered A, but the answer is B", '{"answer": "B"}', "So it must be B."],
)  # fmt: skip
def test_a_choice_by_letter_or_by_text(answer: str):
    for gold in ("B", "London"):
        verdict = verify(answer, gold, "choice", choices=CHOICES)
        assert (verdict.correct, verdict.answer) == (True, "B")


@pytest.mark.parametrize(
    "answer", ["A", "\\boxed{C}", "Rome", "The answer is D.", "None of them", "A or B", "E", "\\boxed{}"]
)
def test_another_choice(answer: str):
    assert verify(answer, "B", "choice", choices=CHOICES).correct is False


def test_a_choice_without_its_texts():
    assert verify("The answer is (C).", "C", "choice").correct
    assert not verify("The answer is (D).", "C", "choice").correct


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("Marie Curie", "marie  curie.", True),
        ("Marie Curie", "The answer is **Marie Curie**.", True),
        ("Marie Curie", "Pierre Curie", False),
        ("don't", "don’t", True),
        ("1/2", "0.5", False),
        ("café", "cafe\u0301", True),
        ("cba", "reversed: \\boxed{cba}", True),
        ("cba", "abc", False),
    ],
)
def test_exact_text(gold: str, answer: str, right: bool):
    assert verify(answer, gold, "exact").correct is right


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        (["1", "2"], "\\boxed{2, 1}", True),
        ("1, 2", "2 and 1", True),
        (["red", "blue"], "Blue, red", True),
        (["red", "blue"], "red, green", False),
        (["1/2", "\\sqrt{8}"], "\\boxed{2\\sqrt2, 0.5}", True),
        ([1, 2, 3], "1, 2", False),
        ([1, 2], "\\boxed{1} and \\boxed{2}", True),
        ([1, 1, 2], "1, 2, 2", False),
        ("x=1\nx=2", "2, 1", True),
    ],
)
def test_several_answers_in_any_order(gold: Any, answer: str, right: bool):
    assert verify(answer, gold, "several").correct is right


@pytest.mark.parametrize(
    ("gold", "kind", "options", "words"),
    [
        ("", "math", {}, "empty"),
        ("   ", "exact", {}, "empty"),
        ("...", "math", {}, "says nothing"),
        ("\\frac{1}{2", "math", {}, "braces"),
        ("tall", "number", {}, "no number"),
        ("5", "number", {"unit": "florps"}, "florps"),
        ("Berlin", "choice", {"choices": CHOICES}, "none of the choices"),
        ("", "python", {}, "no tests"),
        ("", "python", {"tests": "assert ("}, "no Python"),
    ],
)
def test_a_gold_answer_that_can_not_be_read(gold: str, kind: Any, options: dict[str, Any], words: str):
    assert words in unreadable(gold, kind, **options)
    with pytest.raises(BadInput, match=words):
        verify("1", gold, kind, **options)


def test_a_kind_that_is_none():
    with pytest.raises(BadInput, match="no verifier 'maths'"):
        verify("1", "1", "maths")  # type: ignore[arg-type]


HOSTILE = {
    "10^{10^{10}}": "10^{10^{10}}",
    "nested radicals": "\\sqrt{" * 400 + "2" + "}" * 400,
    "a megabyte": "x+" * (1 << 19) + "1",
    "a megabyte of braces": "{" * (1 << 20),
    "a long formula": "(x+1)" * 300 + "^{77}",
    "a power of powers": "((((x+y)^{99}+1)^{99}+1)^{99}+1)^{99}",
    "a factorial": "99999999!!!",
    "a sum": "\\sum_{n=1}^{10^{12}} \\frac{1}{n^2}",
    "an integral": "\\int_0^1 e^{-x^2}\\sin(x^x) dx",
    "a matrix": "\\begin{pmatrix}" + "1&" * 200 + "1\\end{pmatrix}",
    "a list": ",".join(map(str, range(3000))),
    "signs": "\\pm 1" * 40,
    "fractions": "\\frac" * 900 + "12",
    "no text": "\x00\ud83d",
    "code": "__import__('os').system('touch CANARY')",
    "latex code": "\\input{/etc/passwd}",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second of processor time for algebra."""
    monkeypatch.setattr(formulas, "SECONDS", 0.3)
    formulas._process.cache_clear()
    yield
    formulas._process().close()
    formulas._process.cache_clear()


@pytest.mark.slow
def test_an_answer_that_is_made_to_hang_or_to_grow_is_wrong_in_bounded_time(
    impatient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for name, answer in HOSTILE.items():
        begun = time.process_time()
        verdict = verify(f"\\boxed{{{answer}}}", "\\sqrt{7}")
        assert verdict.correct is False, name
        assert verdict.reason.endswith("."), name
        assert len(verdict.answer) <= verifying.LONGEST_SHOWN
        assert time.process_time() - begun < 3, name
    assert verify("\\boxed{\\sqrt{28}/2}", "\\sqrt{7}").correct  # the process is there again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_answer_that_can_not_be_computed_is_given_up_and_the_next_is_compared(impatient: None):
    assert "can't be computed within 0.3 s" in verify("\\boxed{10^{10^{10}}}", "5\\pi").reason
    assert verify("\\boxed{\\sqrt{28}/2}", "\\sqrt{7}").correct


@pytest.mark.parametrize(
    "name", ["a megabyte", "a megabyte of braces", "nested radicals", "signs", "no text", "a list"]
)
def test_what_no_algebra_is_asked_about(name: str):
    verdict = verify(f"\\boxed{{{HOSTILE[name]}}}", "\\sqrt{7}")
    assert not verdict.correct
    assert len(verdict.answer) <= verifying.LONGEST_SHOWN


def test_a_script_verifies_by_name_and_algebra_stays_in_its_process():
    code = "import sys, models; print(models.verify('<think>x</think>\\\\boxed{42}', '42').reason); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, modules = run.stdout.splitlines()
    assert said == "Equal."
    assert not {"sympy", "math_verify", "mlx", "pint", "PySide6"} & set(modules.split())
    assert models.verify("\\boxed{x=3}", 3).correct
    assert models.verify("\\boxed{2\\sqrt2}", "\\sqrt{8}").reason == "Equal by algebra."
    assert "math_verify" not in sys.modules

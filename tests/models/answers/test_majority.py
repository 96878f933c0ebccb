"""Which answers are the same, which one is elected, and when it is decided."""

import time

import pytest

from models.answers.canonical import canonical
from models.answers.majority import Vote, check_votes, counted, is_decided, winner
from models.errors import BadInput


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        (r"So \boxed{41}, no: \boxed{42}.", "42"),
        (r"\boxed{\frac{1}{2}}", "0.5"),
        (r"\boxed{ 1{,}000 }", "1000"),
        (r"\boxed{x = 5}", "5"),
        (r"\boxed{12\%}", "12"),
        (r"\boxed{\text{Paris}}", "paris"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a^{2}+b} and \boxed{unclosed", "a^{2}+b"),
        (r"$\boxed{-\,7}$", "-7"),
        ("3 + 4 = 7\n#### 7", "7"),
        ("#### 1,000\nThat is it", "1000"),
        ("The answer is 1,000.", "1000"),
        ("The answer is **1000.0**", "1000"),
        ("The answer is $1000$.", "1000"),
        ("It is 1/2", "0.5"),
        ("It is ½.", "0.5"),
        ("It is .50", "0.5"),
        ("It is 1/3", "1/3"),
        ("It is 2 / 6.", "1/3"),
        ("It is −5", "-5"),
        ("It costs $5.00", "5"),
        (r"Hence $x = \dfrac{3}{4}$.", "0.75"),
        ("７", "7"),
        ("On 2024-11-05", "2024-11-05"),
        ("Version v1.5", "v1.5"),
        ("It is 5 個", "5個"),
        ("Paris!", "paris"),
        ("  PARIS\n\n", "paris"),
        ("1/0", "1/0"),
        ("", ""),
        ("...", ""),
    ],
)
def test_an_answer_in_the_form_it_is_compared_in(answer: str, form: str):
    assert canonical(answer) == form


@pytest.mark.parametrize(
    "answers",
    [
        (r"\frac12", r"\frac{1}{2}", r"\dfrac{1}{2}", r"\tfrac 1 2", "1/2", "0.5", "0.50", "½", r"\frac{2}{4}"),
        (r"1\frac{1}{2}", "1½", "1 1/2", "1.5", r"\frac32"),
        ("x^{2}", "x^2", "x²", " x ^ 2 ", "x^{ 2 }", "x**2"),
        (r"90^\circ", r"90^{\circ}", "90°", "90", r"90\text{ degrees}", "90 degrees", r"90\degree"),
        (r"\$5", "$5", "5", r"\$5.00", r"5\text{ dollars}", "5 dollars", "€5"),
        (
            r"5\text{ cm}",
            "5 cm",
            r"5\,\mathrm{cm}",
            "5",
            r"5 \text{ apples}",
            r"5\ \text{cm}^2",
            r"5\text{ square units}",
        ),
        ("2x + 3", "2x+3", r"2\cdot x + 3", r"2 \, x+3", "2*x+3"),
        (r"\frac{\pi}{2}", r"\frac\pi2", r"\pi / 2", "π/2", r"\dfrac{ \pi }{ 2 }"),
        (r"\frac{\sqrt{3}}{2}", r"\frac{\sqrt3}{2}", "√3/2", r"\sqrt{3} / 2", "sqrt(3)/2"),
        (r"\left( 1 , \frac12 \right)", "(1, 0.5)", "(1,1/2)"),
        (r"10\,000", "10,000", "10 000", "10{,}000", r"10^{4}", r"1 \times 10^4", "1e4"),
        (r"x \leq 3", r"x\le3", "x ≤ 3", "x <= 3"),
        (r"\theta = \frac{\pi}{3}", r"\pi/3"),
        (r"\text{(B)}", "B", "(B)", r"\textbf{(B)}"),
        (r"25^\circ\text{C}", "25 °C", "25"),
        (r"-\frac{3}{4}", r"\frac{-3}{4}", "-0.75", "−3/4"),
        ("2ab + b", "2ab+b"),
        (r"\frac{x+1}{2}", "(x+1)/2", "(x + 1) / 2"),
    ],
)
def test_the_same_value_in_other_spelling_is_the_same_answer(answers: tuple[str, ...]):
    boxed = {canonical(rf"So it is \boxed{{{answer}}}.") for answer in answers}
    assert len(boxed) == 1
    assert canonical(f"It is ${answers[0]}$.") in boxed


@pytest.mark.parametrize(
    "answers",
    [
        ("x^2", "x^3", "x_2", "x2", "2x"),
        (r"\frac{1}{23}", r"\frac{12}{3}", r"1\frac{2}{3}"),
        ("12", "1 2/3", "1, 2", "(1, 2)"),
        (r"5\text{ million}", "5", r"5\text{ or }7"),
        (r"3\text{ a.m.}", r"3\text{ p.m.}"),
        (r"\sqrt{2}", "2", r"2\sqrt{2}"),
        ("2*3", "23"),
        (r"\frac{1}{2x}", r"\frac{x}{2}"),
        ("5m", "5"),  # a product
        ("red ant", "redant"),
        (r"\leftarrow", r"\rightarrow"),
    ],
)
def test_other_values_stay_other_answers(answers: tuple[str, ...]):
    assert len({canonical(rf"\boxed{{{answer}}}") for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("The side is 5 cm.", "5"),
        ("It is $x^{2}$.", "x^{2}"),
        ("It costs 3 dollars", "3"),
        ("The angle is 90 degrees.", "90"),
        (r"Thus \(\frac12\).", "0.5"),
        ("He said: red, green", "he said: red, green"),
    ],
)
def test_what_a_sentence_ends_in(answer: str, form: str):
    assert canonical(answer) == form


@pytest.mark.parametrize("piece", ["\\frac{", "{", "$", "1 ", "\\text{", "1/", "\\boxed{", "^", "a ", "* "])
def test_a_long_reply_takes_no_long_time(piece: str):
    begun = time.perf_counter()
    canonical(piece * 20_000)
    canonical(f"\\boxed{{{piece * 5_000}}}")
    assert time.perf_counter() - begun < 2


def test_a_number_without_end_stays_text():
    digits = "7" * 5000
    assert canonical(digits) == digits
    assert canonical("7" * 100) == "7" * 100


def test_the_majority_is_elected_in_the_words_of_its_likeliest():
    votes = [Vote("41", -0.1), Vote("42", -0.9), Vote("42", -0.5), Vote("42", -0.7), Vote("40", -0.2)]
    assert winner(votes) == (2, 3)


def test_a_tie_goes_to_the_higher_mean_logprob():
    votes = [Vote("41", -0.9), Vote("42", -0.4), Vote("42", -0.5), Vote("41", -0.1)]
    assert winner(votes) == (1, 2)
    assert winner([Vote("a", -0.5), Vote("b", -0.4), Vote("c", -0.6)]) == (1, 1)


def test_cut_and_empty_replies_have_a_vote_only_when_there_is_no_other():
    votes = [Vote("41", -0.1, cut=True), Vote("41", -0.1, cut=True), Vote("42", -2.0), Vote("", -0.1)]
    assert counted(votes) == [False, False, True, False]
    assert winner(votes) == (2, 1)
    cut = [Vote("41", -0.1, cut=True), Vote("", -0.1, cut=True)]
    assert counted(cut) == [True, False]
    assert winner(cut) == (0, 1)
    assert winner([Vote("", -0.2), Vote("", -0.1)]) == (1, 2)


@pytest.mark.parametrize(
    ("ended", "running", "decided"),
    [
        (["42", "42", "42"], 2, True),
        (["42", "42"], 2, False),  # could become a tie
        (["42", "42"], 1, True),
        (["42", "41", "42"], 2, False),
        (["42", "41", "42", "42"], 1, True),
        ([], 3, False),
    ],
)
def test_a_vote_is_decided_once_the_rest_can_change_nothing(ended: list[str], running: int, decided: bool):
    assert is_decided([Vote(answer, -1.0) for answer in ended], running) is decided


def test_cut_replies_decide_nothing():
    assert not is_decided([Vote("42", -1.0, cut=True)] * 3, 1)


@pytest.mark.parametrize(
    ("votes", "temperature", "words"),
    [(0, None, "1 to 16, not 0"), (17, None, "1 to 16, not 17"), (3, 0.0, "all votes would be the same")],
)
def test_what_makes_no_sense_is_refused(votes: int, temperature: float | None, words: str):
    with pytest.raises(BadInput, match=words):
        check_votes(votes, temperature)


def test_one_vote_may_be_greedy():
    check_votes(1, 0.0)
    check_votes(16, None)

"""Which answers are the same, which one is elected, and when it is decided."""

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
        ("On 2024-11-05", "on 2024-11-05"),
        ("Version v1.5", "version v1.5"),
        ("It is 5 個", "it is 5 個"),
        ("Paris!", "paris"),
        ("  PARIS\n\n", "paris"),
        ("1/0", "1/0"),
        ("", ""),
        ("...", ""),
    ],
)
def test_an_answer_in_the_form_it_is_compared_in(answer: str, form: str):
    assert canonical(answer) == form


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

"""Votes count together what the verifier takes for the same."""

import pytest

from models.answers import formulas
from models.answers.same import SameAnswers
from models.answers.verify import verify

GROUPS = [
    ("\\boxed{42}", "The answer is 42.", "#### 42.0"),
    ("\\boxed{\\{1, 2\\}}", "2 and 1", "\\boxed{x = 1 \\text{ or } x = 2}"),
    ("\\boxed{7:30}", "It is 07:30."),
    ("\\boxed{x<3}", "\\boxed{(-\\infty, 3)}"),
    ("\\boxed{(x+1)^2}", "\\boxed{x^2+2x+1}"),
    ("\\boxed{2\\sqrt{2}}", "\\boxed{\\sqrt{8}}"),
]


def test_the_same_answers_have_one_form_and_others_their_own():
    answers = SameAnswers()
    forms = [{answers.form(answer) for answer in group} for group in GROUPS]
    assert [len(each) for each in forms] == [1] * len(GROUPS)
    assert len(set.union(*forms)) == len(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_the_verifier_agrees(group: tuple[str, ...]):
    assert all(verify(answer, verify(group[0], "0").answer).correct for answer in group)


def test_the_form_is_the_firsts():
    answers = SameAnswers()
    assert answers.form("\\boxed{2\\sqrt2}") == answers.form("\\boxed{\\sqrt8}") == "2sqrt{2}"
    assert answers.form("") == answers.form("...") == ""


def test_algebra_is_asked_a_few_times_only_and_never_about_words(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(formulas, "compare", lambda a, b: asked.append(a) or formulas.Finding(equal=False))
    answers = SameAnswers()
    for word in ("red", "blue", "a green one", "5 apples", "Paris"):
        answers.form(word)
    assert asked == []
    for n in range(30):
        answers.form(f"\\boxed{{x^{{{n}}} + y}}")
    assert len(asked) == 16

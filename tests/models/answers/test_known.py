import pytest

from models.answers.known import KnownAnswers, agrees


@pytest.mark.parametrize(
    ("reply", "known"),
    [
        (r"So \boxed{7}.", "7"),
        ("It is 0.5", r"\frac{1}{2}"),
        ("#### 1,200", "1200"),
        (r"We get $x = 5$.", "5"),
        ("Paris.", "paris"),
        (r"\boxed{x^3 - 6x^2 + 64}", "x^3 - 6x^2 + 64"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{\sqrt{2}}{2}"),
        ("3, 5", r"It is \boxed{3, 5}"),
        (r"\boxed{B}", "(B)"),
        (r"\boxed{12}", "Adding both gives 12."),
        ("Long. " * 2000 + r"\boxed{3}", "3"),
    ],
)
def test_the_same_answer_is_right(reply: str, known: str) -> None:
    assert agrees(reply, known) is True


@pytest.mark.parametrize(
    ("reply", "known"),
    [
        (r"So \boxed{13}.", "12"),
        ("It is 13.", "12"),
        ("London", "Paris"),
        (r"\boxed{A}", "C"),
        ("8", "So it is #### 9"),
    ],
)
def test_another_answer_is_wrong(reply: str, known: str) -> None:
    assert agrees(reply, known) is False


@pytest.mark.parametrize(
    ("reply", "known"),
    [
        ("", "7"),
        ("7", " "),
        ("The capital is Paris, a city on the Seine.", "Paris"),
        ("It is Paris", "Paris"),
        ("The capital is Paris, founded in 250.", "Paris"),
        ("Suppose it is rational; then a contradiction follows.", "Assume it is not, and divide both sides by two."),
        ("I can't say, there is no way to know which of them it is.", "7"),
        (r"\boxed{3} " + "It is so, as said. " * 500, "4"),
    ],
)
def test_what_states_no_answer_is_not_compared(reply: str, known: str) -> None:
    assert agrees(reply, known) is None


def test_algebra_is_asked_so_many_times_and_no_more() -> None:
    answers = KnownAnswers(algebra=1)
    assert [answers.agree(r"\boxed{x + 1}", known) for known in ("x + 2", "x + 3")] == [False, None]
    assert answers.agree(r"\boxed{4}", "5") is False

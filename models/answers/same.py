"""Answers that are the same, as the verifier sees it, brought to one form: that of the first of them."""

from models.answers import canonical, equality, formulas
from models.answers.notation import is_formula

LONGEST_FORMULA = 200  # characters of formulas about which algebra is asked: somebody waits for a vote
MOST_ASKED = 16  # times


class SameAnswers:
    """The answers to one question, as they come in.

    Mostly two that are the same have the same canonical form; some are only seen to be by their parts, as {1, 2} and
    2 and 1, or by algebra, as (x + 1)^2 and x^2 + 2x + 1.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}  # what was taken for each answer, by its form
        self._forms: dict[str, str] = {}
        self._asked = 0

    def form(self, answer: str) -> str:
        """The form in which an answer counts; "" when there is nothing to count. answer: without its thinking."""
        taken = canonical.taken(answer)
        form = canonical.plain(taken)
        if form not in self._forms:
            self._forms[form] = self._first_like(taken, form) if form else ""
        return self._forms[form]

    def _first_like(self, taken: str, form: str) -> str:
        for known, other in self._known.items():
            same = equality.equal(taken, other)
            if same is None and self._may_ask(form, known):
                self._asked += 1
                same = formulas.compare(taken, other).equal
            if same:
                return known
        self._known[form] = taken
        return form

    def _may_ask(self, *forms: str) -> bool:
        short = all(len(form) <= LONGEST_FORMULA and is_formula(form) for form in forms)
        return short and self._asked < MOST_ASKED

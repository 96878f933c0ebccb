"""A task: problems, the question as it is asked, the gold answer and its verifier."""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from models.answers import verify
from models.answers.verdict import Kind, Verdict

NO_PROMPT = "{problem}"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem. question: as it is asked, prompt and choices included; group: what it belongs to with others."""

    id: str  # no other of its task has it
    problem: str
    question: str = ""
    gold: str | list[str] = ""  # the right answer, or several
    kind: Kind = "math"
    choices: dict[str, str] = {}  # by letter
    unit: str = ""
    tolerance: float | None = None
    tests: list[str] = []
    group: str = ""
    line: int = 0  # its row in the file, from 1

    @property
    def as_asked(self) -> str:
        """The text that a model is asked."""
        return self.question or self.problem

    @property
    def gold_text(self) -> str:
        """The gold answer as text."""
        return verify.gold_text(self.gold)


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A row that became no problem, or no verdict."""

    line: int
    reason: str  # a word: broken, encoding, too_long, no_problem, no_answer, unreadable, duplicate, unknown
    text: str  # a sentence


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked. of: problems that the whole task has, 0 for an endless one."""

    name: str
    title: str
    problems: list[Problem]
    of: int = 0
    about: str = ""
    licence: str = ""
    source: str = ""
    revision: str = ""  # the commit it was fetched at, or the hash of its file
    left_out: list[LeftOut] = []

    @property
    def hash(self) -> str:
        """What makes it this task: its problems, how they are asked, and how they are judged."""
        return hashlib.sha256(msgspec.json.encode(self.problems, order="deterministic")).hexdigest()

    @property
    def tests(self) -> list[str]:
        """The programs that judging its answers runs; empty for a task that runs none."""
        return [test for problem in self.problems if problem.kind == "python" for test in problem.tests]

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of verifier that it uses."""
        return list(dict.fromkeys(problem.kind for problem in self.problems))


def asked(problem: Problem, prompts: Mapping[str, str]) -> Problem:
    """A problem with its question. prompts: by kind, the problem in place of {problem}."""
    prompt = prompts.get(problem.kind, NO_PROMPT)
    if "\\boxed" in problem.problem and not problem.choices:  # it says itself how to answer
        prompt = NO_PROMPT
    choices = "\n".join(f"{letter}) {text}" for letter, text in problem.choices.items())
    if choices and "{choices}" not in prompt:
        prompt = prompt.replace("{problem}", "{problem}\n\n{choices}")
    # one after the other, so that braces in a problem stay what they are
    before, _, after = prompt.strip().partition("{problem}")
    question = before + problem.problem + after.replace("{choices}", choices)
    return msgspec.structs.replace(problem, question=question)


def verdict(problem: Problem, reply: str, *, cut: bool = False) -> Verdict:
    """Judge a reply to a problem. cut: it ended at a limit."""
    return verify.verify(
        reply,
        problem.gold,
        problem.kind,
        problem=problem.problem,
        unit=problem.unit,
        tolerance=problem.tolerance,
        choices=problem.choices,
        tests=problem.tests,
        cut=cut,
    )


def vote_of(problem: Problem, judged: Verdict) -> str:
    """The form in which a judged answer has its vote: the same for answers that the verifier takes for the same."""
    return verify.reader(problem.kind)(f"\\boxed{{{judged.answer}}}") if judged.answer else ""


def numbered(problems: Sequence[Problem]) -> list[Problem]:
    """Problems without an id get their number from 0, or, where another is called so, their row."""
    taken = {problem.id for problem in problems if problem.id}
    made = []
    for number, problem in enumerate(problems):
        name = problem.id or (str(number) if str(number) not in taken else f"row {problem.line}")
        made.append(msgspec.structs.replace(problem, id=name))
    return made

"""Problems that stand in an evaluation set: a student that learned them can't be measured with it any more.

A problem overlaps when its normalised words are the same, or when the two share 13 words in a row (GPT-3, arXiv
2005.14165, appendix C); for that a word is what stands between spaces, so a formula is one word and not a dozen. Thirteen words that three problems of the evaluation sets or more have are a common phrase of
instructions and count for nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from models import errors
from models.traces import column_choice, reading, shapes

GRAM = 13
COMMON = 3
MOST_CHARACTERS = 20 * 10**6  # of all problems; MATH and GSM8K together have 5 million
_AROUND = ".,;:!?\"'()[]{}$*“”‘’«»…"
_WORD = re.compile(r"\w+|[-+*/=<>^%]")


def words(text: str) -> list[str]:
    """A text as lower-case words, numbers and operators; the rest of the punctuation is dropped."""
    return _WORD.findall(text if text.isascii() and text.islower() else unicodedata.normalize("NFKC", text).casefold())


class EvaluationSets:
    """The problems that must not be learned."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self._whole: dict[str, str] = {}
        self._grams: dict[str, str] = {}
        times: dict[str, int] = {}
        size = 0
        for path in files:
            found = False
            for place, problem in _problems(path):
                found = True
                size += len(problem)
                if size > MOST_CHARACTERS:
                    text = f"The evaluation sets up to {path.name} hold more than {MOST_CHARACTERS // 10**6} MB of problems."
                    raise errors.BadInput(text, "Name smaller ones: all their words are kept in memory.")
                self._whole.setdefault(" ".join(words(problem)), place)
                for gram in set(_grams(problem)):
                    times[gram] = times.get(gram, 0) + 1
                    self._grams.setdefault(gram, place)
            if not found:
                raise errors.BadInput(f"No problem was found in {path.name}.", "It needs a column named problem.")
        self._grams = {gram: place for gram, place in self._grams.items() if times[gram] < COMMON}

    def find(self, problem: str) -> str:
        """Where a problem stands in them, as a sentence, or nothing."""
        if not self._whole:
            return ""
        if place := self._whole.get(" ".join(words(problem))):
            return f"Its problem is in {place}."
        for gram in _grams(problem):
            if place := self._grams.get(gram):
                return f"Its problem shares {GRAM} words in a row with {place}: “{gram}”."
        return ""


def _grams(problem: str) -> Iterator[str]:
    said = [word for part in unicodedata.normalize("NFKC", problem).casefold().split() if (word := part.strip(_AROUND))]
    return (" ".join(said[at : at + GRAM]) for at in range(len(said) - GRAM + 1))


def _problems(path: Path) -> Iterator[tuple[str, str]]:
    kind = reading.recognise(path)
    choice = column_choice.of_file(path, kind)
    for row in reading.rows(path, kind):
        problem = shapes.problem_of(row.value, choice).strip() if row.value else ""
        if problem:
            yield f"{path.name}, row {row.line}", problem

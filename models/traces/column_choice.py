"""Which columns of a file hold problem, thinking and answer: chosen by what stands in them, over the file.

A name alone decides nothing: `reasoning` may hold "on" in every row while the thinking stands in <think> inside the
answer, and of `thinking` and `reasoning` one may be empty in most rows. So a file's rows are looked at first, and the
columns whose names stand for a part are put in order:

    problem     filled ones, then those that say different things, then by name
    thinking    by the characters they hold in all; what is only a word, a switch or a label is none. What stands in
                tags inside the answer counts as a column beside the others
    answer      filled ones, then those that say different things, then those with thinking inside, then by name

A row takes the first of them that it has filled. Where names say nothing, a column that begins with tags of thinking is
the answer, and the only other text its problem.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from models import errors
from models.answers import tags
from models.trace_report import IN_ANSWER, Columns
from models.traces import column_names, reading
from models.traces.cells import is_label, text_of, turns_of, unpacked
from models.traces.text_source import Kind

MOST_ROWS = 5000  # that are looked at
MOST_BYTES = 32 << 20
MOST_COLUMNS = 500  # of a row, and of a file
_FEW = 8  # one value in so many rows, or fewer: a label
_SHORT = 100  # characters of a label
_KEPT = 32  # values of a column that are remembered
_LIKELY = 2  # how much likelier a column is that has one of the usual names
# Thinking that stands in a column and once more in the answer is the column's.
_INSIDE = 0.9


class Choice(NamedTuple):
    """Plain names of the columns for each part, the best first; IN_ANSWER among those of the thinking."""

    problem: tuple[str, ...]
    thinking: tuple[str, ...]
    answer: tuple[str, ...]
    gold: tuple[str, ...]
    own_names: Mapping[str, str]  # the file's own, by the plain ones
    by_hand: bool = False

    def own(self, name: str) -> str:
        """A column's name as the file has it."""
        return self.own_names.get(name, name)

    def taken(self, problem: str, thinking: str, answer: str) -> Columns:
        """Some columns, under the file's own names."""
        return Columns(problem=self.own(problem), thinking=self.own(thinking), answer=self.own(answer))

    def first(self) -> Columns:
        """The first of each part, under the file's own names."""
        return self.taken(*(names[0] if names else "" for names in (self.problem, self.thinking, self.answer)))


class _Content:
    """What stands in a column."""

    __slots__ = ("characters", "filled", "labels", "rank", "tagged", "thought", "values")

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.filled = self.characters = self.labels = 0
        self.thought = self.tagged = 0  # characters of thinking inside, and the rows that begin with its tag
        self.values: set[int] = set()  # hashes of different ones, the first _KEPT

    def add(self, value: object, holds_replies: bool) -> None:
        text = text_of(value).strip()
        if not text and (turns := turns_of(value)):
            text = str(turns[-1])
        if not text:
            return
        self.filled += 1
        self.characters += len(text)
        self.labels += is_label(text)
        if len(self.values) < _KEPT:
            self.values.add(hash(text))
        if holds_replies:
            split = tags.split_reply(text)
            self.thought += len(split.thinking)
            self.tagged += split.found == "tags"

    @property
    def repeats(self) -> bool:
        """Whether it says the same in all rows, or one of a few short things, as a mode, a subject or a state does."""
        few = len(self.values) < _KEPT and len(self.values) * _FEW <= self.filled
        return self.filled > 1 and (len(self.values) == 1 or (few and self.characters < _SHORT * self.filled))

    @property
    def is_label(self) -> bool:
        return self.labels == self.filled


def of_file(path: Path, kind: Kind, wanted: Columns | None = None) -> Choice:
    """Choose a file's columns by what its rows hold. Raises as `choose`, and as reading.rows."""
    with closing(reading.rows(path, kind)) as rows:
        looked_at = takewhile(lambda row: row.done <= MOST_BYTES, islice(rows, MOST_ROWS))
        return choose((unpacked(row.value) for row in looked_at if row.value), wanted, path.name)


def choose(rows: Iterable[Mapping[str, object]], wanted: Columns | None = None, file: str = "") -> Choice:
    """Look at rows and put their columns in order. wanted: what was chosen by hand, for the file of this name.

    Raises BadInput for a wanted column that no row has.
    """
    found: dict[str, dict[str, _Content]] = {"problem": {}, "thinking": {}, "answer": {}, "gold": {}, "": {}}
    own: dict[str, str] = {}
    for row in rows:
        for name, value in row.items() if len(row) <= MOST_COLUMNS else ():
            key = column_names.plain(name)
            if key not in own:
                if len(own) >= MOST_COLUMNS or len(name) > column_names.LONGEST:
                    continue
                own[key] = name
            part, rank = column_names.part_of(key)
            if rank == column_names.NEVER:
                continue
            content = found[part].get(key) or found[part].setdefault(key, _Content(rank))
            content.add(value, part in ("answer", ""))
    _name_by_content(found)
    problem = _problems(found["problem"])
    answer = _answers({name: content for name, content in found["answer"].items() if name not in problem[:1]})
    inside = max((content.thought for content in found["answer"].values()), default=0)
    thinking = _thoughts(found["thinking"], inside)
    gold = tuple(sorted(found["gold"], key=lambda name: found["gold"][name].rank))
    choice = Choice(problem, thinking, answer, gold, own)
    return choice if wanted is None or wanted == Columns() else _by_hand(choice, wanted, file)


def _name_by_content(found: dict[str, dict[str, _Content]]) -> None:
    """Let columns whose names say nothing stand for what only they can be.

    Where no thinking stands under a known name, the column that begins with its tags in most rows is the answer, and
    beside an answer the only other text is the problem.
    """
    unnamed, most = found[""], max((content.filled for part in found.values() for content in part.values()), default=0)
    known = any(content.filled and not content.is_label for content in found["thinking"].values())
    if not known and not any(content.thought for content in found["answer"].values()):
        replies = [name for name, content in unnamed.items() if content.tagged * 2 > most]
        if len(replies) == 1:
            found["answer"][replies[0]] = unnamed.pop(replies[0])
    if found["answer"] and not any(content.filled for content in found["problem"].values()):
        texts = [name for name, content in unnamed.items() if content.filled * 2 > most and not content.is_label]
        texts = [name for name in texts if not unnamed[name].repeats]
        if len(texts) == 1 and any(content.tagged for content in found["answer"].values()):
            found["problem"][texts[0]] = unnamed.pop(texts[0])


def _problems(found: Mapping[str, _Content]) -> tuple[str, ...]:
    most = max((content.filled for content in found.values()), default=0)

    def order(name: str) -> tuple[bool, bool, int]:
        content = found[name]
        return (content.filled * 10 < most, content.is_label or content.repeats, content.rank)

    return tuple(sorted(found, key=order))


def _thoughts(found: Mapping[str, _Content], inside: int) -> tuple[str, ...]:
    weights = {
        name: content.characters * (_LIKELY if content.rank < 100 else 1)
        for name, content in found.items()
        if content.filled and not content.is_label
    }
    if inside:
        weights[IN_ANSWER] = round(inside * _INSIDE * _LIKELY)
    return tuple(sorted(weights, key=lambda name: -weights[name]))


def _answers(found: Mapping[str, _Content]) -> tuple[str, ...]:
    most = max((content.filled for content in found.values()), default=0)

    def order(name: str) -> tuple[bool, bool, bool, int]:
        content = found[name]
        return (content.filled * 10 < most, content.repeats, not content.thought, content.rank)

    return tuple(sorted(found, key=order))


def _by_hand(choice: Choice, wanted: Columns, file: str) -> Choice:
    for name in (wanted.problem, wanted.thinking, wanted.answer):
        if name and name != IN_ANSWER and column_names.plain(name) not in choice.own_names:
            there = ", ".join(list(choice.own_names.values())[:20]) or "none"
            raise errors.BadInput(f"{file} has no column {name}.", f"Its columns are {there}.")
    problem, thinking, answer = (
        (column_names.plain(name),) if name and name != IN_ANSWER else (name,) if name else chosen
        for name, chosen in (
            (wanted.problem, choice.problem),
            (wanted.thinking, choice.thinking),
            (wanted.answer, choice.answer),
        )
    )
    return choice._replace(
        problem=problem,
        thinking=thinking,
        answer=tuple(name for name in answer if name not in problem) or answer,
        by_hand=True,
    )

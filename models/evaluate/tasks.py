"""Tasks by name: built in, ladders, sets of traces, and files of the user's.

gsm8k              built in (resources/tasks.toml), fetched from the Hub when it is first used
gsm8k=FILE         the same, its problems from a file
sums:4             a ladder at a level; its problems are those that no training is made of
traces:NAME        the gold answers of a set of traces; traces:NAME:held-out only of its held-out problems
run:ID             those of the problems that a fine-tuning run held out
FILE               a file of {"problem", "answer"} (models/evaluate/task_file.py)
"""

import hashlib
import random
import tomllib
from collections.abc import Generator, Iterable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from models import errors, paths
from models.answers.verdict import Kind
from models.answers.verify import gold_answer, unreadable
from models.checkpoint import folders
from models.evaluate import ladders, task_file
from models.evaluate.problems import LeftOut, Problem, Task, asked, numbered
from models.evaluate.problems import verdict as verdict
from models.events import Event
from models.finetune import runs
from models.hub import datasets
from models.traces import split, store
from models.traces.trace import Trace

if TYPE_CHECKING:
    from models.hub.transfer import RetryPolicy

OF_A_LADDER = 100  # problems, where no number is asked for
SHOWN = 3  # problems by which a task shows itself
TRACES, RUN = "traces:", "run:"
HELD_OUT = "held-out"


class BuiltIn(msgspec.Struct, frozen=True, kw_only=True):
    """A task of resources/tasks.toml; the fields are documented there."""

    name: str
    title: str
    about: str
    licence: str
    source: str
    repo: str
    files: list[str]
    problem: list[str]
    answer: str
    kind: Kind
    revision: str = "main"
    choices: str = "choices"

    @property
    def columns(self) -> task_file.Columns:
        """Its columns, and those that the same problems have in files from elsewhere."""
        joined = "Body" in self.problem
        return task_file.Columns(
            problem=self.problem if joined else (*self.problem, *task_file.PROBLEM),
            joined=joined,
            answer=(self.answer, *task_file.ANSWER),
            choices=self.choices,
            repeated=True,
        )


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A task as a list of them tells it. levels: of a ladder."""

    name: str
    title: str
    about: str
    licence: str = "made here"
    source: str = ""
    levels: list[int] = []


class _Table(msgspec.Struct, frozen=True):
    prompts: dict[str, str]
    task: list[BuiltIn]


@cache
def _table() -> _Table:
    raw = tomllib.loads((paths.resources() / "tasks.toml").read_text("utf-8"))
    return msgspec.convert(raw, _Table)


def built_in() -> list[BuiltIn]:
    """The tasks that are built in."""
    return list(_table().task)


def prompts() -> dict[str, str]:
    """How a problem is asked, by its kind of verifier."""
    return {kind: prompt.strip() for kind, prompt in _table().prompts.items()}


def listed() -> list[Listed]:
    """The tasks that are built in, and the ladders."""
    sets = [
        Listed(name=one.name, title=one.title, about=one.about, licence=one.licence, source=one.source)
        for one in built_in()
    ]
    made = [
        Listed(name=one.name, title=one.title, about=f"The level is {one.levels}.", levels=list(ladders.LEVELS))
        for one in ladders.LADDERS.values()
    ]
    return sets + made


def fetch(name: str, *, patience: "RetryPolicy | None" = None) -> Generator[Event, None, None]:
    """Have the problems of a built-in task on this disk; nothing to do for any other, or when they are there.

    Raises NotFound, Denied, Offline, Unsafe, Corrupt, DiskFull.
    """
    if (about := _known().get(name)) is not None:
        yield from datasets.fetch(about.repo, about.files, about.revision, patience=patience)


def load(
    name: str, *, kind: Kind | Literal[""] | None = None, limit: int | None = None, seed: int = 0
) -> Generator[Event, None, Task]:
    """The task of a name, with its problems in order; nothing is fetched.

    kind: the verifier, of problems that name none; limit: so many problems, drawn by seed of those there are; seed: also
    of a ladder's problems. Raises BadInput for a name, level or number that makes no sense, and for a file without
    problems; NotFound for what is not there, or was not fetched; Corrupt, Unsupported as reading does.
    """
    if limit is not None and limit < 1:
        raise errors.BadInput(f"The number of problems is 1 or more, not {limit}.")
    yield from ()  # reading takes no longer than an event would
    first, colon, rest = name.partition(":")
    if first in ladders.LADDERS:
        return _of_ladder(first, rest if colon else None, limit, seed)
    return limited(_read(name, kind or None), limit, seed)


def name_of(name: str) -> str:
    """The name that a task has for whoever looks for it again: a file's whole path, else as it was given."""
    own, equals, _ = name.partition("=")
    if is_ladder(name.partition(":")[0]) or name.startswith((TRACES, RUN)) or name in _known():
        return name
    if equals and own in _known():
        return own
    return str(Path(name).expanduser().absolute())


def _read(name: str, kind: Kind | None) -> Task:
    own, equals, file = name.partition("=")
    if name.startswith(TRACES):
        return _of_traces(name, kind)
    if name.startswith(RUN):
        return _of_run(name, kind)
    if (about := _known().get(name)) is not None:
        return _built_in(about, kind)
    if equals and own in _known():
        return _of_file(Path(file).expanduser(), kind, _known()[own])
    path = Path(name).expanduser()
    if path.exists() or path.suffix or "/" in name:
        return _of_file(path, kind, None)
    raise errors.NotFound(f"There is no task {name!r}.", "`stillroom tasks` lists them; a file is one too.")


def _known() -> dict[str, BuiltIn]:
    return {task.name: task for task in built_in()}


def is_here(name: str) -> bool:
    """Whether a task can be loaded without the network."""
    about = next((task for task in built_in() if task.name == name), None)
    return about is None or datasets.find(about.repo, about.files, about.revision) is not None


def is_ladder(name: str) -> bool:
    """Whether a name is a ladder's, without a level."""
    return name in ladders.LADDERS


def ladder_shown(name: str) -> Task:
    """A ladder as it shows itself: a problem each of its first level, its middle and its last."""
    ladder = ladders.get(name)
    levels = (ladders.LEVELS[0], ladders.LEVELS[len(ladders.LEVELS) // 2], ladders.LEVELS[-1])
    shown = [_of_ladder(name, str(level), 1, 0).problems[0] for level in levels]
    problems = [
        msgspec.structs.replace(problem, id=f"level {level}") for level, problem in zip(levels, shown, strict=True)
    ]
    about = f"Endless problems with exact answers in levels {levels[0]} to {levels[-1]}: {ladder.levels}."
    return Task(name=name, title=ladder.title, problems=problems, about=about, licence="made here")


def limited(task: Task, limit: int | None, seed: int = 0) -> Task:
    """A task with so many of its problems, drawn by seed, in their order; each keeps its id."""
    if limit is None or limit >= len(task.problems):
        return task
    chosen = sorted(random.Random(seed).sample(range(len(task.problems)), limit))
    return msgspec.structs.replace(task, problems=[task.problems[index] for index in chosen])


def _built_in(about: BuiltIn, kind: Kind | None) -> Task:
    found = datasets.find(about.repo, about.files, about.revision)
    if found is None:
        hint = f"`stillroom tasks {about.name}` fetches it; or give its problems as a file: {about.name}=FILE."
        raise errors.NotFound(f"{about.title} is not on this disk yet.", hint)
    try:
        read = task_file.read(found.path, kind or about.kind, about.columns)
    except errors.Unsupported as error:
        raise errors.Unsupported(
            error.text, f"{error.hint} Or give its problems as a file: {about.name}=FILE."
        ) from error
    return _with(about, read, found.commit)


def _with(about: BuiltIn, read: task_file.Read, revision: str) -> Task:
    return Task(
        name=about.name,
        title=about.title,
        problems=_asked(read.problems),
        of=len(read.problems),
        about=about.about,
        licence=about.licence,
        source=about.source,
        revision=revision,
        left_out=read.left_out,
    )


def _asked(problems: list[Problem]) -> list[Problem]:
    return [asked(problem, prompts()) for problem in numbered(problems)]


def _of_file(path: Path, kind: Kind | None, about: BuiltIn | None) -> Task:
    read = task_file.read(path, kind or (about.kind if about else None), about.columns if about else None)
    if about:
        return _with(about, read, read.sha256)
    return Task(
        name=str(path.absolute()),
        title=path.stem,
        problems=_asked(read.problems),
        of=len(read.problems),
        source=path.name,
        revision=read.sha256,
        left_out=read.left_out,
    )


def _of_ladder(name: str, level: str | None, limit: int | None, seed: int) -> Task:
    ladder = ladders.get(name)
    if level is None or not level.lstrip("-").isdigit():
        said = f"no level {level!r}" if level else "and none is named"
        levels = f"{ladders.LEVELS[0]} to {ladders.LEVELS[-1]}"
        raise errors.BadInput(f"{ladder.title} has levels {levels}, {said}.", f"Write {name}:4, for instance.")
    rungs = islice(ladders.problems(name, int(level), seed), limit or OF_A_LADDER)
    problems = [
        asked(Problem(id=str(number), problem=rung.problem, gold=rung.answer, kind=rung.kind, unit=rung.unit), {})
        for number, rung in enumerate(rungs)
    ]
    return Task(
        name=f"{name}:{int(level)}",
        title=f"{ladder.title}, level {int(level)}",
        problems=problems,
        about=f"Endless problems with exact answers; the level is {ladder.levels}.",
        licence="made here",
        source=f"seed {seed}",
    )


def _of_traces(name: str, kind: Kind | None) -> Task:
    """The problems of a set that have a gold answer, each once."""
    set_name, _, part = name.removeprefix(TRACES).partition(":")
    if part not in ("", HELD_OUT):
        raise errors.BadInput(f"A set of traces has no part {part!r}.", f"Write {TRACES}{set_name}:{HELD_OUT}.")
    kept = list(store.read(set_name))
    if part:
        kept = _held_out(kept, split.HELD_OUT, 0)
    return _of_kept(name, set_name, kept, f"{set_name}, held-out problems" if part else set_name, kind)


def _of_run(name: str, kind: Kind | None) -> Task:
    """The problems that a run never learned from: those that it held out, with its share and seed."""
    run = name.removeprefix(RUN)
    card = runs.card(run)
    if not card.traces:
        raise errors.BadInput(f"The run {run} does not say which set it learned from.", "Choose the set itself.")
    share = split.HELD_OUT if card.held_out is None else card.held_out
    kept = _held_out(store.read(card.traces), share, card.config.seed) if share else []
    if not kept:
        raise errors.BadInput(f"The run {run} held nothing out.", "Choose problems that it did not learn from.")
    return _of_kept(name, card.traces, kept, f"{card.traces}, held out of {run}", kind)


def _held_out(kept: Iterable[Trace], share: float, seed: int) -> list[Trace]:
    return split.split(kept, {"train": 1 - share, "valid": share}, seed)["valid"]


def _of_kept(name: str, set_name: str, kept: Iterable[Trace], title: str, kind: Kind | None) -> Task:
    problems: list[Problem] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    for trace in kept:
        key = split.problem_key(trace.problem)
        if key in seen:
            continue  # another trace of the same problem
        gold = gold_answer(trace.gold)
        if why := ("it has none" if not gold else unreadable(gold, kind or "math")):
            reason = "unreadable" if gold else "no_answer"
            left_out.append(LeftOut(line=trace.line, reason=reason, text=f"Its gold answer can't be read: {why}."))
            continue
        seen.add(key)
        problems.append(Problem(id=trace.id, problem=trace.problem, gold=gold, kind=kind or "math", line=trace.line))
    if not problems:
        raise errors.BadInput(f"No problem of {title} has a gold answer.", "Add traces that name their right answer.")
    return Task(
        name=name,
        title=title,
        problems=_asked(problems),
        of=len(problems),
        source=f"the set of traces {set_name}",
        left_out=left_out,
    )


def check_accepted(task: Task) -> None:
    """Raise Unsafe for a task that runs programs which nobody on this computer has looked at."""
    if task.tests and _fingerprint(task) not in _accepted():
        hint = f"Look at them with `stillroom tasks {task.name}`, then accept them with --accept-tests."
        raise errors.Unsafe(f"{task.title} judges answers by running {len(task.tests):,} tests on this computer.", hint)


def accept(task: Task) -> None:
    """Remember that the user has seen a task's tests and lets them run."""
    if task.tests and _fingerprint(task) not in _accepted():
        file = paths.accepted_tests_file()
        draft = file.with_name(f".{file.name}")
        folders.write_file(draft, msgspec.json.encode([*_accepted(), _fingerprint(task)]))
        draft.replace(file)


def _fingerprint(task: Task) -> str:
    """Of the tests alone: the same tests are accepted with other problems too."""
    return hashlib.sha256(msgspec.json.encode(sorted(set(task.tests)))).hexdigest()


def _accepted() -> list[str]:
    try:
        return msgspec.json.decode(paths.accepted_tests_file().read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        return []

"""An evaluation is drawn once, row by row, and whatever stops it leaves what there is: tiny models, real folders."""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec
import pytest

from models import errors, paths
from models.answers.verdict import Kind
from models.evaluate import evaluate, evaluations, from_task, race, results, room, run_folder, tasks
from models.evaluate.problems import Problem
from models.evaluate.records import Contender, ReplyRow, contender
from models.evaluate.scores import Point, Scored
from models.events import Event, Note
from models.generate import load as generate_load
from models.generate import thinking
from models.generate.load import LoadedModel
from models.generate.pool import Pool, _Row
from models.requests import Sampling
from tests.models.evaluate.runs import BASE, TUNED, begun, make_model, make_tuned, rows, said, say, sums
from tests.models.generate.test_pool import with_short_phrase
from tests.models.scripted_rows import scripted_rows
from tests.returned import result_of, run

TAILS = ("", "<think>\n", "<think>\n\n</think>\n\n")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (evaluate, room, thinking):  # a random model would fill it
        monkeypatch.setattr(module, "ANSWER_RESERVE", 8)
    real = evaluate.load

    def load(name: str, path: Path, adapter: str | None = None) -> Generator[Event, None, LoadedModel]:
        return with_short_phrase((yield from real(name, path, adapter)))

    monkeypatch.setattr(evaluate, "load", load)
    return make_model()


def folders() -> list[Path]:
    return sorted(paths.evaluations_folder().iterdir())


# rows as they come, and what stops them


def test_a_row_is_on_the_disk_before_a_face_hears_of_it():
    counts = []
    for event in begun(sums(3), think=[0, 8]):
        if isinstance(event, Scored):
            [folder] = folders()
            counts.append((event.done, len((folder / "rows.jsonl").read_bytes().splitlines()), event.total))
    assert counts == [(n, n, 6) for n in range(1, 7)]


def test_killed_at_any_row_it_goes_on_without_asking_twice(tmp_path: Path):
    """What a SIGKILL leaves is what is on the disk at that moment: a copy of it, with half a line as often as not."""
    evaluation, left = begun(sums(2), think=[0, 4, 8], samples=2), []
    for event in evaluation:
        if isinstance(event, Scored):
            [folder] = folders()
            left.append(shutil.copytree(folder, tmp_path / f"after-{event.done}"))
    whole = said(rows(folder))
    assert len(whole) == len(left) == 12
    for copy in left[2::6]:
        done = len(rows(copy))
        with (copy / "rows.jsonl").open("ab") as file:
            file.write(b'{"contender":0,"think":8,"prob')
        seen, record = run(evaluate.resume(copy))
        asked = [(event.contender, event.think, event.id, event.sample) for event in seen if isinstance(event, Scored)]
        assert len(asked) == len(set(asked)) == 12 - done
        lines = (copy / "rows.jsonl").read_bytes().splitlines()
        assert len({msgspec.json.decode(line, type=ReplyRow).key for line in lines}) == len(lines) == 12
        assert said(rows(copy)) == whole
        assert [point.n for point in record.points] == [2, 2, 2]


def test_closing_it_keeps_what_is_there_and_how_long_it_took():
    evaluation = begun(sums(4))
    while not isinstance(next(evaluation), Scored):
        pass
    evaluation.close()
    [folder] = folders()
    assert len(rows(folder)) == 1
    assert [sitting.tokens > 0 and sitting.seconds > 0 for sitting in run_folder.read_sittings(folder)] == [True]
    assert evaluations.get(folder.name).state == "stopped"
    result_of(evaluate.resume(folder))
    assert evaluations.get(folder.name).state == "done"


def test_two_processes_never_have_it_at_once():
    evaluation = begun(sums(4))
    while not isinstance(next(evaluation), Scored):
        pass
    [folder] = folders()
    with pytest.raises(errors.Busy):
        result_of(evaluate.resume(folder))
    evaluation.close()
    assert len(rows(result_of(evaluate.resume(folder)).folder)) == 4


def test_a_full_disk_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch):
    def write(file: int, line: bytes) -> int:
        if not bytes(line).startswith(b'{"contender":0,"think":0,"problem"') or len(rows(folders()[0])) < 2:
            return real(file, line)
        real(file, line[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    with monkeypatch.context() as full:
        full.setattr(run_folder.os, "write", write)
        with pytest.raises(errors.DiskFull):
            result_of(begun(sums(4)))
    [folder] = folders()
    assert (folder / "rows.jsonl").read_bytes().count(b"\n") == 2
    assert (folder / "rows.jsonl").read_bytes().endswith(b"\n")
    result_of(evaluate.resume(folder))
    assert len(rows(folder)) == 4


def test_a_reply_without_memory_takes_no_other_one_along(monkeypatch: pytest.MonkeyPatch):
    def limit(pool: Pool, row: _Row, longest: int) -> None:
        if row.request.think == 24:
            raise errors.NoMemory("The reply needs 9 GB.", "Close other programs.")

    with monkeypatch.context() as scarce:
        scarce.setattr(Pool, "_limit", limit)
        seen = []
        with pytest.raises(errors.NoMemory, match="9 GB") as raised:
            seen.extend(begun(sums(3), think=[8, 24]))
    assert "--resume" in raised.value.hint
    [folder] = folders()
    assert Counter(row.think for row in rows(folder)) == {8: 3}
    result_of(evaluate.resume(folder))
    assert Counter(row.think for row in rows(folder)) == {8: 3, 24: 3}


# what it began with


@pytest.mark.parametrize("changed", ["model", "adapter"])
def test_what_has_changed_is_not_gone_on_with(changed: str, tiny: Path):
    adapter = make_tuned()
    evaluation = begun(sums(3), TUNED)
    while not isinstance(next(evaluation), Scored):
        pass
    evaluation.close()
    weights = tiny / "model.safetensors" if changed == "model" else adapter / "adapters.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    [folder] = folders()
    with pytest.raises(errors.BadInput, match="have changed"):
        result_of(evaluate.resume(folder))
    assert len(rows(folder)) == 1


def test_asked_anew_from_its_folder_alone_it_gives_the_same_rows():
    first = result_of(begun(sums(2), think=[0, 4], samples=2, seed=5))
    again = result_of(from_task.evaluate_task([], "", again=first.folder))
    assert again.folder != first.folder
    assert said(rows(again.folder)) == said(rows(first.folder))
    assert len(rows(first.folder)) == 8


def test_asked_anew_with_a_model_that_has_changed_it_says_so(tiny: Path):
    first = result_of(begun(sums(1)))
    weights = tiny / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    seen, again = run(evaluate.again(Path(first.folder)))
    assert any("tiny has changed since" in event.text for event in seen if isinstance(event, Note))
    prints = [evaluations.get(one.id).card.contenders[0].fingerprint for one in (first, again)]
    assert prints[0] != prints[1]


def test_the_last_unfinished_one_of_the_same_is_gone_on_with(tmp_path: Path):
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(f'{{"problem": "{n}+1?", "answer": {n + 1}}}\n' for n in range(3)))
    options = {"answer_tokens": 4, "think": [0]}
    result_of(from_task.evaluate_task("tiny", str(file), **options))
    with pytest.raises(errors.NotFound, match="no unfinished evaluation"):
        result_of(from_task.evaluate_task("tiny", str(file), resume=True, **options))
    evaluation = from_task.evaluate_task("tiny", str(file), seed=1, **options)
    while not isinstance(next(evaluation), Scored):
        pass
    evaluation.close()
    left = next(one for one in evaluations.evaluations() if one.state == "stopped")
    for other in ({"think": [0, 8]}, {"samples": 2}, {"limit": 2}, {"seed": 2}, {"answer_tokens": 5}):
        with pytest.raises(errors.NotFound) as raised:
            result_of(from_task.evaluate_task("tiny", str(file), resume=True, **{"seed": 1, **options, **other}))
        assert left.id in raised.value.hint
    record = result_of(from_task.evaluate_task("tiny", str(file), resume=True, seed=1, **options))
    assert record.id == left.id
    assert len(folders()) == 2


# contenders


@pytest.mark.parametrize("order", [(BASE, TUNED), (TUNED, BASE)])
def test_the_base_of_a_comparison_runs_without_the_adapter(
    order: tuple[Contender, Contender], monkeypatch: pytest.MonkeyPatch
):
    make_tuned()
    monkeypatch.setattr(race, "FIRST_LOOK", 2)
    alone = {one.adapter: said(rows(result_of(begun(sums(5), one)).folder), 0) for one in order}
    assert alone[""].keys() == alone["tuned"].keys()
    assert all(alone[""][key] != alone["tuned"][key] for key in alone[""])
    both = rows(result_of(begun(sums(5), *order)).folder)
    for number, one in enumerate(order):
        assert said(both, number) == alone[one.adapter]


def test_two_take_turns_so_that_what_there_is_can_be_compared(monkeypatch: pytest.MonkeyPatch):
    make_model("other", thinking="opened")
    monkeypatch.setattr(race, "FIRST_LOOK", 2)
    loads = []
    load = evaluate.load
    monkeypatch.setattr(evaluate, "load", lambda name, *given: loads.append(name) or load(name, *given))
    evaluation, turns = begun(sums(8), BASE, Contender(model="other")), []
    for event in evaluation:
        if isinstance(event, Scored):
            turns.append(event.contender)
        if len(turns) == 10:
            break
    evaluation.close()
    assert turns == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    assert loads == ["tiny", "other", "tiny"]
    [folder] = folders()
    assert [point.n for point in results.evaluated(folder).points] == [4, 6]
    assert [pair.n for pair in results.evaluated(folder).comparisons] == [4]


def test_one_is_not_compared_with_itself_under_another_name(tiny: Path):
    for other in (BASE, Contender(model=str(tiny))):
        with pytest.raises(errors.BadInput, match="compared with itself"):
            result_of(begun(sums(), BASE, other))
    result_of(begun(sums(1), BASE, Contender(model="tiny", calm=True)))


@pytest.mark.parametrize(
    ("name", "model", "adapter"),
    [("m", "m", ""), ("m:a", "m", "a"), ("m:", "m", ""), ("org/m:a", "org/m", "a"), ("/a:b/m", "/a", "b/m")],
)
def test_a_contender_is_read_as_it_is_written(name: str, model: str, adapter: str):
    assert (contender(name).model, contender(name).adapter) == (model, adapter)


def test_a_folder_may_have_a_colon_in_its_name(tmp_path: Path):
    (tmp_path / "a:b").mkdir()
    assert contender(str(tmp_path / "a:b")).adapter == ""


# budgets, samples, reading


def test_a_longer_budget_goes_on_and_is_what_it_would_be_alone():
    record = result_of(begun(sums(2), think=[0, 8, 40], temperature=0.7))
    shared = rows(record.folder)
    for think in (0, 8, 40):
        alone = rows(result_of(begun(sums(2), think=[think], temperature=0.7)).folder)
        assert said([row for row in shared if row.think == think]) == said(alone)
    assert not any(row.shared for row in shared if row.think in (0, 8))
    assert any(row.shared for row in shared if row.think == 40)
    assert {point.think: point.shared for point in record.points} == {0: False, 8: False, 40: True}


def test_what_was_taken_over_is_no_token_of_the_clock():
    record = result_of(begun(sums(2), think=[8, 40]))
    [short, long] = [
        sum(sitting.tokens for sitting in run_folder.read_sittings(Path(record.folder)) if sitting.think == think)
        for think in (8, 40)
    ]
    told = {
        think: sum(row.thinking_tokens + row.answer_tokens for row in rows(record.folder) if row.think == think)
        for think in (8, 40)
    }
    assert short > 0
    assert long < told[40]


def test_samples_differ_and_votes_are_points_of_their_own():
    record = result_of(begun(sums(3), think=[8], votes=[3], samples=2))
    assert [(point.votes, point.n, point.samples) for point in record.points] == [(1, 3, 9), (3, 3, 9)]
    assert Counter(row.sample for row in rows(record.folder)) == {0: 3, 1: 3, 2: 3}
    texts = {(row.problem, row.thinking, row.answer) for row in rows(record.folder)}
    assert len(texts) == 9
    alone = said(rows(result_of(begun(sums(3), think=[8])).folder))
    assert {key: said(rows(record.folder))[key] for key in alone} == alone


def answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: list[str], style: str, think: int
) -> tuple[Point, list[ReplyRow]]:
    """What comes of problems that a model answers with these lines, greedily."""
    script = {
        f"{k}+1?<|im_end|>\n<|im_start|>assistant\n{tail}": [line] for k, line in enumerate(lines) for tail in TAILS
    }
    say(monkeypatch, scripted_rows(tmp_path / f"scripted {lines}"[:80], script, style))
    record = result_of(begun(sums(len(lines)), think=[think], answer_tokens=40, temperature=0.0))
    return record.points[0], sorted(rows(record.folder), key=lambda row: row.problem)


def test_wrong_is_not_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    lines = ["So.</think>\n\nIt is 1.", "So.</think>\n\n" + "It is 2 or " * 50, "So.</think>\n\nIt is 9."]
    point, found = answers(monkeypatch, tmp_path, lines, "opened", 64)
    assert [row.correct for row in found] == [True, None, False]
    assert (point.n, point.correct, point.cut) == (3, 1, 1)


@pytest.mark.parametrize("style", ["tokens", "opened", "hybrid", "none"])
def test_off_is_read_right_where_it_can_and_can_not_be_said(
    style: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    point, found = answers(monkeypatch, tmp_path, ["It is 1.", "It is 2."], style, 0)
    assert [row.taken for row in found] == ["1", "2"]
    assert (point.accuracy, point.cut, point.thinking_tokens) == (1.0, 0, 0)


def test_one_that_thinks_though_it_was_asked_not_to_has_its_answer_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    script = {"<think>\n\n</think>\n\n": ["<think>\nIs it 7?"], "<think></think>\n\n": ["It is 1."]}
    say(monkeypatch, scripted_rows(tmp_path / "scripted", script, "tokens"))
    [row] = rows(result_of(begun(sums(1), answer_tokens=40, temperature=0.0)).folder)
    assert (row.correct, row.taken, row.thinking) == (True, "1", "")


# what is refused or said before the start, with nothing left behind


def refused(evaluation: Iterator[object], error: type[errors.StillroomError], match: str) -> None:
    with pytest.raises(error, match=match):
        for _ in evaluation:
            pass
    assert folders() == []


def test_what_makes_no_sense_leaves_no_folder(tmp_path: Path):
    refused(begun(sums(0)), errors.BadInput, "no problem")
    refused(begun(sums(), think=[]), errors.BadInput, "budget")
    refused(begun(sums(), think=[-1]), errors.BadInput, "negative")
    refused(begun(sums(), samples=2, temperature=0.0), errors.BadInput, "temperature 0")
    refused(begun(sums(), BASE, TUNED, BASE), errors.BadInput, "two are compared")
    refused(begun(sums(), Contender(model="nobody")), errors.NotFound, "nobody")
    refused(begun(sums(), Contender(model="tiny", adapter="nobody")), errors.NotFound, "nobody")
    refused(from_task.evaluate_task("tiny", "sums:11"), errors.BadInput, "11")
    refused(from_task.evaluate_task("tiny", str(tmp_path / "gone.jsonl")), errors.NotFound, "gone")
    (tmp_path / "broken.jsonl").write_bytes(b"{\n\xff\n")
    refused(from_task.evaluate_task("tiny", str(tmp_path / "broken.jsonl")), errors.StillroomError, "broken")
    (tmp_path / "empty.csv").write_text("")
    refused(from_task.evaluate_task("tiny", str(tmp_path / "empty.csv")), errors.BadInput, "empty")


def test_a_model_that_does_not_fit_is_refused_before_any_other_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generate_load, "MEMORY_MARGIN", 1 << 60)
    refused(begun(sums()), errors.NoMemory, "tiny needs")


def test_a_folder_that_can_not_be_written_is_not_left_behind(monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_folder.folders, "replace_file", full)
    refused(begun(sums()), errors.DiskFull, "evaluation")


def test_programs_run_only_when_their_tests_were_accepted():
    kind: Kind = "python"
    task = sums(problems=[Problem(id="0", problem="f?", kind=kind, tests=["assert f() == 1"])])
    refused(begun(task), errors.Unsafe, "1 tests")
    tasks.accept(task)
    assert result_of(begun(task)).points[0].n == 1


def test_a_model_that_never_learned_to_think_says_so_where_it_is_to_think():
    make_model("plain", thinking="none")
    plain = Contender(model="plain")
    for think, expected in (([8], True), ([0], False)):
        seen, _ = run(begun(sums(1), plain, think=think))
        notes = [event.text for event in seen if isinstance(event, Note)]
        assert any("not trained to think" in text for text in notes) == expected


def test_it_says_first_what_so_many_problems_can_show():
    seen, _ = run(begun(sums(3)))
    first = next(index for index, event in enumerate(seen) if isinstance(event, Scored))
    assert any("3 problems show a difference" in event.text for event in seen[:first] if isinstance(event, Note))


def test_a_context_too_small_is_said_before_the_start_for_each_problem(monkeypatch: pytest.MonkeyPatch):
    make_model("short", context=512)
    problems = [
        Problem(id=f"long {n}" if n % 2 else str(n), problem="1" * (1 + 250 * (n % 2)), gold="1") for n in range(6)
    ]
    monkeypatch.setattr(evaluate, "load", None)  # nothing is in memory yet
    evaluation = begun(sums(problems=problems), Contender(model="short"), think=[0, 200])
    said_first = next(event for event in evaluation if isinstance(event, Note))
    assert said_first.text == (
        "3 of 6 problems have no room for 200 tokens of thinking and an answer in the context of short (512 tokens):"
        " long 1, long 3, long 5."
    )
    evaluation.close()
    refused(begun(sums(2), Contender(model="short"), think=[8, 4000]), errors.BadInput, "No problem has room")


def test_a_prompt_longer_than_the_context_is_cut_with_its_reason():
    make_model("short", context=1024)
    problems = [Problem(id="long", problem="1" * 2000, gold="1"), Problem(id="short", problem="1?", gold="1")]
    record = result_of(begun(sums(problems=problems), Contender(model="short")))
    found = {row.problem: row for row in rows(record.folder)}
    assert (found["long"].correct, "context" in found["long"].reason) == (None, True)
    assert record.points[0].n == 2


def test_rows_that_the_card_does_not_ask_for_are_left_out():
    record = result_of(begun(sums(2)))
    folder = Path(record.folder)
    strays = [
        msgspec.structs.replace(rows(folder)[0], **other)
        for other in ({"problem": "?"}, {"contender": 3}, {"think": 9}, {"sample": 5})
    ]
    with (folder / "rows.jsonl").open("ab") as file:
        file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in strays) + b"null\n[]\n")
    assert len(evaluations.open_evaluation(record.id).rows) == 2
    assert result_of(evaluate.resume(folder)).points == record.points


def test_settings_of_a_script_are_those_of_the_card():
    import models

    record = models.run(
        models.evaluate("tiny", "sums:1", think=[0, 8], limit=2, sampling=Sampling(top_p=0.5), answer_tokens=4)
    )
    assert [(point.think, point.n) for point in record.points] == [(0, 2), (8, 2)]
    card = evaluations.get(record.id).card
    assert (card.sampling.top_p, card.task.name, card.answer_tokens) == (0.5, "sums:1", 4)


def test_of_a_linked_evaluation_the_link_alone_is_removed(tmp_path: Path):
    record = result_of(begun(sums(1), think=[0]))
    elsewhere = tmp_path / "elsewhere"
    Path(record.folder).rename(elsewhere)
    link = paths.evaluations_folder() / "linked"
    link.symlink_to(elsewhere)
    with run_folder.holding(elsewhere), pytest.raises(errors.Busy):
        evaluations.remove("linked")
    assert evaluations.remove("linked") == 0
    assert (elsewhere / run_folder.CARD).is_file()
    assert not link.exists()

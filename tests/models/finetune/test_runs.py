"""Runs as their folders show them, also those that a kill left."""

from pathlib import Path

import pytest

from models import errors, paths
from models.events import Checkpoint, Event, Sample, Validation
from models.finetune import checkpoints, runs
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from tests.models.finetune.made_runs import MAC, make, save, step


def only() -> Run:
    found = runs.runs()
    assert len(found) == 1
    return found[0]


def test_without_any_there_are_none() -> None:
    assert runs.runs() == []


def test_runs_are_numbered_as_they_began() -> None:
    make("b", "2025-11-20T10:00:00+00:00")
    make("a", "2025-11-21T10:00:00+00:00", traces="sums")
    found = runs.runs()
    assert [(run.number, run.id) for run in found] == [(1, "b"), (2, "a")]
    assert [run.traces for run in found] == ["", "sums"]
    assert found[0].config == FinetuneConfig(rank=4)
    assert found[0].machine == MAC


def test_what_is_no_run_or_can_not_be_read_is_left_out() -> None:
    make("good", "2025-11-20T10:00:00+00:00")
    (paths.home() / "runs" / "being-made").mkdir()
    (make("torn", "2025-11-20T11:00:00+00:00") / "run_card.json").write_bytes(b'{"id": "torn"')
    assert [run.id for run in runs.runs()] == ["good"]


@pytest.mark.parametrize(
    ("told", "state", "at"),
    [
        (None, "new", (0, 0)),
        ([Validation(step=0, loss=2.0)], "new", (0, 0)),
        ([step(1), step(2), Sample(step=2, prompt="p", thinking="", answer="a")], "stopped", (2, 10)),
        ([step(1), step(10)], "done", (10, 10)),
    ],
)
def test_its_state_is_what_was_measured(told: list[Event] | None, state: str, at: tuple[int, int]) -> None:
    make("one", "2025-11-20T10:00:00+00:00", told)
    run = only()
    assert (run.state, (run.step, run.steps)) == (state, at)


def test_the_last_run_for_an_adapter_is_the_unfinished_one() -> None:
    make("one", "2025-11-20T10:00:00+00:00", [step(4)], adapter="sums")
    make("two", "2025-11-21T10:00:00+00:00", [step(2)], adapter="sums")
    make("three", "2025-11-22T10:00:00+00:00", [step(2)], adapter="other")
    found = runs.unfinished("sums")
    assert found is not None
    assert found.id == "two"
    adapter = paths.adapters_folder() / "sums"
    adapter.mkdir(parents=True)
    (adapter / "run_card.json").write_bytes((Path(found.folder) / "run_card.json").read_bytes())
    assert runs.unfinished("sums") is None
    assert runs.unfinished("none") is None


def test_a_run_whose_adapter_is_in_the_library_is_done() -> None:
    make("one", "2025-11-20T10:00:00+00:00", [step(4)], adapter="sums")
    assert (only().state, only().published) == ("stopped", False)
    adapter = paths.adapters_folder() / "sums"
    adapter.mkdir()
    card = (Path(only().folder) / "run_card.json").read_bytes()
    (adapter / "run_card.json").write_bytes(card.replace(b'"one"', b'"another"'))
    assert not only().published
    (adapter / "run_card.json").write_bytes(card)
    assert (only().state, only().published) == ("done", True)


def test_metrics_come_in_order_without_a_line_that_was_cut_off() -> None:
    told = [Validation(step=0, loss=2.0), step(1), Checkpoint(step=1, path="p", best=True)]
    folder = make("one", "2025-11-20T10:00:00+00:00", told)
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write(b'{"type":"something_new","step":1}\n{"type":"step","ste')
    assert runs.metrics(only()) == told


def test_of_long_metrics_the_end_is_read() -> None:
    told: list[Event] = [step(n, rate=n, steps=2000) for n in range(1, 1001)]
    folder = make("one", "2025-11-20T10:00:00+00:00", told)
    assert (folder / "metrics.jsonl").stat().st_size > runs.TAIL_BYTES
    assert (only().step, only().steps) == (1000, 2000)
    rate = runs.speed(only())
    assert rate is not None
    assert 500 < rate < 1000
    assert len(runs.metrics(only())) == 1000


def test_a_run_without_steps_has_no_speed() -> None:
    make("one", "2025-11-20T10:00:00+00:00")
    assert runs.speed(only()) is None
    assert runs.metrics(only()) == []
    assert runs.checkpoints(only()) == []


def test_checkpoints_newest_first_only_whole_ones() -> None:
    run = make("one", "2025-11-20T10:00:00+00:00")
    save(run, 9, 0.5)
    save(run, 10, 0.4, best=True)
    save(run, 11)
    torn = save(run, 12, 0.1)
    (torn / "adapters.safetensors").write_bytes(b"1")
    (run / "checkpoints" / ".step-13").mkdir()
    found = runs.checkpoints(only())
    assert [(saved.step, saved.validation_loss, saved.best) for saved in found] == [
        (11, None, False),
        (10, 0.4, True),
        (9, 0.5, False),
    ]
    assert Path(found[0].path).is_dir()


def test_a_run_is_removed_whole_and_what_its_links_lead_to_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    folder = make("one", "2025-11-20T10:00:00+00:00", [step(1)], adapter="sums")
    save(folder, 1)
    (folder / "elsewhere").symlink_to(tmp_path)
    other = make("two", "2025-11-21T10:00:00+00:00")
    adapter = paths.adapters_folder() / "sums"
    adapter.mkdir(parents=True)
    (adapter / "run_card.json").write_bytes((folder / "run_card.json").read_bytes())
    held = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() or file.is_symlink())
    assert runs.remove("one") >= held
    assert sorted(path.name for path in paths.runs_folder().iterdir()) == ["two"]
    assert (other.is_dir(), (tmp_path / "mine.txt").read_text()) == (True, "mine")
    assert (adapter / "run_card.json").is_file()


def test_of_a_link_to_a_run_the_link_alone_is_removed(tmp_path: Path) -> None:
    elsewhere = make("one", "2025-11-20T10:00:00+00:00", [step(1)]).rename(tmp_path / "one")
    (paths.runs_folder() / "one").symlink_to(elsewhere)
    assert runs.remove("one") == 0
    assert runs.runs() == []
    assert (elsewhere / "run_card.json").is_file()


def test_of_a_run_and_its_copy_the_one_of_that_name_is_removed() -> None:
    make("two", "2025-11-20T10:00:00+00:00")
    make("copy", "2025-11-20T10:00:00+00:00", id="two")
    runs.remove("two")
    assert Path(only().folder).name == "copy"


def test_a_run_that_a_process_has_is_not_removed() -> None:
    folder = make("one", "2025-11-20T10:00:00+00:00", [step(1)])
    with checkpoints.holding(folder), pytest.raises(errors.Busy):
        runs.remove("one")
    assert only().step == 1
    runs.remove("one")
    assert runs.runs() == []


@pytest.mark.parametrize("name", ["", ".", "..", "none", "../models", "/", "one/checkpoints"])
def test_what_is_no_run_is_not_removed(name: str) -> None:
    make("one", "2025-11-20T10:00:00+00:00")
    with pytest.raises(errors.NotFound):
        runs.remove(name)
    assert only().id == "one"

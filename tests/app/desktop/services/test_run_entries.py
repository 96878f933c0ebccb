"""Jobs find the runs they work on."""

from typing import Any

import pytest

from app.desktop.services.run_entries import RunEntry, entries
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import Job
from tests.app.desktop.pages.models.fakes import model


def run(number: int, minute: int, adapter: str = "maths", **values: Any) -> Run:
    return Run(
        id=f"run-{number}", number=number, folder="/r", created=f"2025-11-24T10:{minute:02}:00+00:00", base="a/base-1b",
        base_folder="/b", config=FinetuneConfig(), examples=9, valid_examples=1, adapter=adapter, **values,
    )  # fmt: skip


def job(number: int, minute: int, subject: str = "maths", **values: Any) -> Job:
    given = {"title": "Base 1B on “sums”", "state": "running", "doing": "finetune"}
    return Job(id=number, subject=subject, created=f"2025-11-24T10:{minute:02}:00+00:00", **{**given, **values})


def pairs(found: list[RunEntry]) -> list[tuple[str, int]]:
    return [(entry.run.id if entry.run else "", entry.job.id if entry.job else 0) for entry in found]


def asked(job_id: int) -> Finetune:
    return Finetune(model="a/base-1b", traces="sums", name="maths", run=f"run-{job_id % 10}")


def test_a_job_stands_with_its_run() -> None:
    runs = [run(1, 10), run(2, 20), run(3, 30, "other")]
    assert pairs(entries(runs, [job(2, 20)], asked)) == [("run-3", 0), ("run-2", 2), ("run-1", 0)]


def test_of_two_jobs_of_a_run_the_newer_counts() -> None:
    found = entries([run(1, 10)], [job(1, 9, state="cancelled"), job(11, 19)], asked)
    assert pairs(found) == [("run-1", 11)]


def test_a_job_without_a_folder_stands_first() -> None:
    found = entries([run(1, 10)], [job(1, 10), job(2, 40)], asked)
    assert pairs(found) == [("", 2), ("run-1", 1)]
    assert found[0].key == "job-2"
    assert found[0].number == 0


def test_other_jobs_and_those_that_left_nothing_are_no_entries() -> None:
    jobs = [job(1, 10, doing="fetch"), job(2, 10, state="cancelled"), job(3, 10, state="done")]
    assert entries([], jobs, asked) == []


@pytest.mark.parametrize(
    ("state", "stage", "shown"),
    [
        ("waiting", "", "waiting"),
        ("running", "", "preparing"),
        ("running", "load", "preparing"),
        ("running", "train", "running"),
        ("running", "sample", "running"),
        ("paused", "train", "paused"),
        ("failed", "train", "failed"),
        ("done", "", "done"),
        ("cancelled", "", "stopped"),
    ],
)
def test_the_state_is_the_jobs(state: str, stage: str, shown: str) -> None:
    assert RunEntry(run=run(1, 10), job=job(1, 10, state=state, stage=stage)).state == shown


@pytest.mark.parametrize(("state", "shown"), [("new", "stopped"), ("stopped", "stopped"), ("done", "done")])
def test_a_run_that_no_job_works_on_is_stopped_or_done(state: str, shown: str) -> None:
    assert RunEntry(run=run(1, 10, state=state)).state == shown


@pytest.mark.parametrize(
    ("state", "with_job", "can"),
    [("stopped", "", True), ("new", "", True), ("stopped", "cancelled", True), ("done", "", False),
     ("stopped", "paused", False), ("stopped", "running", False), ("stopped", "failed", False)],
)  # fmt: skip
def test_what_stands_still_can_go_on(state: str, with_job: str, can: bool) -> None:
    entry = RunEntry(run=run(1, 10, state=state), job=job(1, 10, state=with_job) if with_job else None)
    assert entry.can_go_on is can


def test_it_is_called_after_what_is_trained_on_what() -> None:
    models = [model("a/base-1b", "Base 1B", 1.0)]
    assert RunEntry(run=run(3, 1, traces="sums")).said(models) == "Run 3 · Base 1B on “sums”"
    assert RunEntry(run=run(3, 1)).said([]) == "Run 3 · base-1b, adapter maths"
    assert RunEntry(job=job(1, 1)).said([]) == "New run · Base 1B on “sums”"


def test_base_set_and_recipe_are_the_runs_or_what_the_job_was_asked() -> None:
    entry = RunEntry(run=run(1, 1, traces="x"), job=job(1, 1), request=asked(1))
    assert (entry.base, entry.traces, entry.config) == ("a/base-1b", "x", FinetuneConfig())
    assert RunEntry(run=run(1, 1), job=job(1, 1), request=asked(1)).traces == "sums"
    alone = RunEntry(job=job(1, 1), request=asked(1))
    assert (alone.base, alone.traces, alone.config) == ("a/base-1b", "sums", FinetuneConfig())
    unknown = RunEntry(job=job(1, 1))
    assert (unknown.base, unknown.traces, unknown.config) == ("", "", None)
    assert RunEntry(run=run(1, 1)).traces == ""

"""What was told of a run, whatever the order in which it was told."""

import pytest

from app.desktop.services.curve import Curve
from app.desktop.services.run_curves import RunCurves
from models.events import Done, Event, Failed, Finetuned, Note, Step, Validation
from tests.app.desktop.pages.finetune import fakes


def finetuned() -> Finetuned:
    return Finetuned(
        adapter="a", base="b", steps=6, loss=0.5, validation_loss=0.5, best_step=6, seconds=3.0, tokens=900, peak_bytes=1,
        path="/a", run="/r",
    )  # fmt: skip


def test_a_curve_grows_and_is_read_by_step() -> None:
    curve = Curve(2)
    for step in range(1, 1001):
        curve.put(step, step / 2, -step)
    assert curve.count == 1000
    assert list(curve.steps[:3]) == [1, 2, 3]
    assert curve.last() == 500.0
    assert curve.last(1) == -1000.0
    assert curve.at(400.4) == (400, 200.0)
    assert curve.at(9999, 1) == (1000, -1000.0)


def test_an_empty_curve_has_nothing_to_read() -> None:
    curve = Curve(1)
    assert curve.last() is None
    assert curve.at(3) is None


def test_what_is_told_again_takes_the_place_of_the_old() -> None:
    curve = Curve(1)
    for step, value in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0), (3, 30.0)):
        curve.put(step, value)
    assert list(curve.steps) == [1, 2, 3]
    assert list(curve.values()) == [1.0, 20.0, 30.0]


def test_metrics_and_live_events_that_overlap_are_one_run() -> None:
    whole = fakes.told(220)
    once, twice = RunCurves(whole), RunCurves([*whole[:150], *whole[100:]])
    assert twice.training.count == once.training.count == 220
    assert list(twice.training.values()) == list(once.training.values())
    assert list(twice.validation.steps) == [0, 100, 200]
    assert (twice.step, twice.steps, twice.best_step) == (220, 600, 200)
    assert [twice.sampled_steps(prompt) for prompt in fakes.PROMPTS] == [[0, 100, 200]] * 2


def test_a_resume_from_an_earlier_checkpoint_forgets_what_came_after() -> None:
    record = RunCurves(fakes.told(220))
    record.take(fakes.prepared(first_step=200))
    assert record.training.steps[-1] == 200
    assert list(record.validation.steps) == [0, 100, 200]
    record.take(fakes.prepared(first_step=0))
    assert record.training.count == 0
    assert list(record.validation.steps) == [0]


def test_time_left_is_that_of_the_last_steps() -> None:
    told = [
        Step(step=n, steps=10, loss=1.0, learning_rate=1e-4, tokens=100 * n, tokens_per_s=rate, peak_bytes=0)
        for n, rate in enumerate((5.0, 50.0, 50.0, 50.0), 1)
    ]
    assert RunCurves(told[:1]).seconds_left is None
    assert RunCurves(told).seconds_left == pytest.approx(6 * 100 / 50)
    assert RunCurves(fakes.told(600)).seconds_left is None


@pytest.mark.parametrize("event", [finetuned(), Done(result=finetuned())])
def test_the_end_is_noted(event: Event) -> None:
    record = RunCurves()
    record.take(event)
    assert record.finetuned == finetuned()
    assert record.log == ["Trained for 6 steps on 900 tokens."]


def test_the_log_has_notes_and_errors_once() -> None:
    record = RunCurves([Note(text="A."), Note(text="A."), Failed(kind="disk_full", text="Full.", hint="Free some.")])
    assert record.log == ["A.", "Full. Free some."]


def test_other_events_are_passed_over() -> None:
    record = RunCurves([Validation(step=0, loss=2.0)])
    assert (record.step, record.steps, record.peak_bytes, record.seconds_left) == (0, 0, 0, None)

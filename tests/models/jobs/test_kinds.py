"""Every kind of job says all that the queue, the wire and the faces ask of it; a new one is a file."""

from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from models import events, paths
from models.engine import wire
from models.finetune import runs
from models.jobs import kinds
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.fuse import Fuse
from models.jobs.request import JobRequest

TAGS = {
    "import": "ImportModel",
    "search": "Search",
    "fetch": "Fetch",
    "quantize": "Quantize",
    "measure_card": "MeasureCard",
    "add_traces": "AddTraces",
    "export_traces": "ExportTraces",
    "export_adapter": "ExportAdapter",
    "finetune": "Finetune",
    "keep": "PublishCheckpoint",
    "fuse": "Fuse",
    "evaluate": "Evaluate",
    "fetch_task": "FetchTask",
}


def made(kind: type[JobRequest]) -> JobRequest:
    """One with a plausible value in each field that has no default."""
    needed = [field for field in msgspec.structs.fields(kind) if field.required]
    values = {field.name: ["x"] if field.type == list[str] else "4bit" for field in needed}
    return kind(**values)


def test_their_names_are_what_databases_hold() -> None:
    assert {name: kind.__name__ for name, kind in kinds.by_name().items()} == TAGS


@pytest.mark.parametrize("name", list(TAGS))
def test_each_says_what_it_is_and_crosses_the_wire(name: str) -> None:
    request = made(kinds.of(name))
    assert request.title()
    assert request.subject()
    assert request.words()
    assert request.doing != JobRequest.doing
    assert request.needs_network == (request.lane == "network")
    assert wire.read_message(wire.line(wire.Call(id=7, request=request))) == wire.Call(id=7, request=request)
    assert kinds.steps_decoder().decode(msgspec.json.encode([request])) == [request]


def test_one_that_is_not_known_is_called_what_all_are() -> None:
    assert kinds.of("levitate").doing == "working"


def test_a_fused_model_is_announced_as_every_other_model() -> None:
    assert Fuse.makes == kinds.of("quantize").makes == kinds.of("import").makes == "model"


class Weighed(events.Record, frozen=True, kw_only=True, tag="weighed"):
    grams: float

    def sentences(self) -> list[str]:
        return [f"It weighs {self.grams} g."]


class Balance(events.Event, frozen=True, kw_only=True, tag="balance"):
    swings: int


class Weigh(JobRequest, frozen=True, kw_only=True, tag="weigh"):
    what: str

    def work(self) -> Generator[events.Event, None, Weighed]:
        yield Balance(swings=2)
        return Weighed(grams=3.5)


def test_a_new_kind_with_its_event_and_record_needs_no_other_change(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**kinds.by_name(), "weigh": Weigh}
    monkeypatch.setattr(kinds, "by_name", lambda: known)
    wire._to_worker.cache_clear()
    wire._from_worker.cache_clear()
    try:
        call = wire.Call(id=1, request=Weigh(what="a feather"))
        assert wire.read_message(wire.line(call)) == call
        for event in (Balance(swings=2), events.Done(result=Weighed(grams=3.5))):
            report = wire.Report(id=1, event=event)
            assert wire.read_report(wire.line(report)) == report
    finally:
        wire._to_worker.cache_clear()


def test_a_run_is_named_once_by_the_queue_and_no_name_is_given_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "datetime", FrozenClock)
    request = Finetune(model="starter", traces="sums", name="adder")
    first, second = request.queued(), request.queued()
    assert first.run == "20251124-100000-adder"
    assert second.run == "20251124-100000-adder-2"
    assert first.queued() == first
    assert (paths.home() / "runs" / first.run).is_dir()
    assert runs.runs() == []


class FrozenClock:
    """10:00 in UTC, whatever the local time is."""

    @staticmethod
    def now(zone: object) -> object:
        from datetime import UTC, datetime

        assert zone is UTC
        return datetime(2025, 11, 24, 10, tzinfo=UTC)

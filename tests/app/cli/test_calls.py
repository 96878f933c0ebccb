"""Ctrl-C on a request that goes to the engine."""

import os
import signal
from collections.abc import Iterator

import pytest

from app.cli.calls import follow
from app.cli.json_lines import JsonLines
from models import events
from models.engine.wire import Request
from models.errors import Interrupted
from models.jobs.kinds.export_traces import ExportTraces
from models.jobs.kinds.finetune import Finetune
from models.jobs.request import JobRequest
from tests.app.fake_engine import FakeEngine


def interrupted(engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
    os.kill(os.getpid(), signal.SIGINT)
    assert engine.cancelled.wait(10)
    raise Interrupted("Stopped.")
    yield  # a generator, though it tells nothing


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Finetune(model="starter", traces="sums", name="adder"), "Stopping after this step …\n"),
        (ExportTraces(name="sums", path="sums.jsonl"), ""),
    ],
)
def test_what_saves_before_it_stops_says_so(
    request_: JobRequest, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted):
        follow(FakeEngine(Finetune=interrupted, ExportTraces=interrupted), request_, JsonLines())  # type: ignore[arg-type]
    assert capsys.readouterr().err == told

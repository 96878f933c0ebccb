"""What the help shows of `import models` works as it stands there, and importing the package brings nothing along."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import models
from models import errors, paths
from models.events import Model, Reply, Token
from models.generate.load import LoadedModel
from models.library import download
from tests.hub.session import IMPATIENT, open_hub
from tests.tiny import make_tiny

PAGE = "b-python.md"
REPO = "mlx-community/DeepSeek-R1-Distill-Qwen-1.5B-8bit"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def tiny() -> Path:
    return make_tiny(paths.models_folder() / "tiny", thinking="tokens")


def test_importing_costs_nothing() -> None:
    code = "import sys; before = set(sys.modules); import models; print(*set(sys.modules) - before)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in found} <= sys.stdlib_module_names | {"models"}
    assert [name for name in found if name.startswith("models")] == ["models"]


def test_every_name_is_there_and_no_other() -> None:
    for name in models.__all__:
        assert getattr(models, name) is not None
    assert set(models.__all__) <= set(dir(models))
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = models.magic


@pytest.mark.slow
def test_the_page_works_as_it_stands_there(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All blocks, one after the other, with a tiny model for the starter and a hub on loopback."""
    rows = [{"problem": f"{n}+1?", "thinking": f"{n} and 1.\n", "answer": str(n + 1)} for n in range(40)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "RetryPolicy", lambda: IMPATIENT)
    code = "\n".join(BLOCK.findall((paths.resources() / "help" / PAGE).read_text("utf-8")))
    for shown, used in (
        ('"starter"', '"tiny"'),
        ('"starter:', '"tiny:'),
        ("steps=150", "steps=2, samples=0, validate_every=1, checkpoint_every=1"),
    ):
        assert shown in code
        code = code.replace(shown, used)
    names: dict[str, Any] = {}
    with open_hub(monkeypatch, tmp_path) as hub:
        hub.add(REPO, {path.name: path.read_bytes() for path in tiny.iterdir()})
        exec(compile(code, PAGE, "exec"), names)
    assert isinstance(names["model"], LoadedModel)
    assert isinstance(names["reply"], Reply)
    assert names["found"].name == REPO
    assert names["copy"].recipe == "4bit"
    assert names["copy"].name not in {entry.name for entry in models.library.list()}
    assert {entry.name for entry in models.library.list()} >= {"tiny", "sums-adapter", REPO}
    assert capsys.readouterr().out


def test_a_reply_can_be_watched_and_stopped(tiny: Path) -> None:
    reply = models.reply(models.load("tiny"), "2+2?", think=16, max_tokens=32)
    assert any(isinstance(event, Token) for event in reply)
    reply.close()


def test_a_vote_is_asked_for_by_its_number(tiny: Path) -> None:
    sampling = models.Sampling(temperature=1.0, seed=1)
    work = models.reply(models.load("tiny"), "2+2?", think=4, max_tokens=16, votes=3, sampling=sampling)
    assert models.run(work).votes


def test_events_are_told_on_the_way_and_the_result_is_returned(tiny: Path) -> None:
    told: list[object] = []
    made = models.run(models.quantize("tiny", "4bit", name="small", card=False), told.append)
    assert isinstance(made, Model)
    assert told


def test_a_room_can_be_called_and_stays_a_room(tiny: Path) -> None:
    with pytest.raises(errors.BadInput, match="nothing to fuse"):
        models.run(models.fuse("tiny", ""))
    assert models.fuse.__doc__.startswith("One model of a model and its adapter")


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(errors.NotFound, match="no model named nothing"):
        models.load("nothing")
    with pytest.raises(errors.NotFound):
        models.library.show("nothing")

"""Commands about models: what they ask of the engine, and how they say what came of it."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from app.cli import command_parts, main
from models import events
from models.engine.wire import Request
from models.errors import Denied, Offline
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.quantize import Quantize
from models.library import catalog, installed
from tests.app.fake_engine import MODEL, FakeEngine, Script, fails

Output = pytest.CaptureFixture[str]

CARD = events.QuantCard(
    model="tiny-4bit", reference="o/tiny", recipe="4bit", bits=4.5, size_bytes=2_000_000, kl=0.44, same_top=0.633,
    perplexity=12.3, reference_perplexity=10.1, tokens_per_s=40, peak_bytes=10, text_tokens=900, machine="a machine",
    measured="2026-01-01", warning="One word in three differs from the original's.",
)  # fmt: skip
ORIGINAL = msgspec.structs.replace(MODEL, name="o/tiny", kind="original")
COPY = msgspec.structs.replace(MODEL, name="tiny-4bit", recipe="4bit", card=CARD)


def ends(record: events.Record, *before: events.Event) -> Script:
    def script(_engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
        yield from before
        yield events.Done(result=record)

    return script


def use(monkeypatch: pytest.MonkeyPatch, **scripts: Script) -> FakeEngine:
    engine = FakeEngine(**scripts)
    monkeypatch.setattr(command_parts, "open_engine", engine.opened)
    return engine


def test_pull_downloads_then_quantizes_and_says_what_it_cost(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    progress = events.Progress(stage="download", done=1, total=2, unit="bytes")
    engine = use(monkeypatch, Fetch=ends(ORIGINAL, progress), Quantize=ends(COPY))
    assert main.run(["pull", "R1-Distill-Qwen-1.5B", "--quantize", "4bit", "--drop-original"]) == 0
    repo = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"
    assert engine.requests == [
        Fetch(repo=repo, recipe="4bit"),
        Quantize(model=repo, recipe="4bit", drop_original=True),
    ]
    err = capfd.readouterr().err
    assert "Downloading …" in err
    assert "tiny-4bit is in the library" in err
    assert "KL 0.440 to the original · same next word 63.3%" in err
    assert "One word in three differs" in err


def test_what_can_not_fit_is_not_started_without_saying_so(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    use(monkeypatch, Fetch=ends(ORIGINAL), Quantize=ends(COPY))
    entry = catalog.find("R1-Distill-Llama-70B")
    assert entry is not None
    assert main.run(["pull", entry.title, "--quantize", "4bit"]) == 0
    assert f"{entry.title} needs" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["pull", "o/tiny", "--quantize", "9bit"], ["pull", "o/tiny", "--drop-original"], ["quantize", "o/tiny"]],
)
def test_a_wrong_wish_starts_nothing(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    engine = use(monkeypatch)
    assert main.run(arguments) == 2
    assert engine.requests == []


def test_quantize_asks_for_what_was_said(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    engine = use(monkeypatch, Quantize=ends(COPY))
    arguments = ["quantize", "o/tiny", "--to", "4bit", "--group-size", "32", "--name", "t", "--no-card", "--json"]
    assert main.run(arguments) == 0
    assert engine.requests == [Quantize(model="o/tiny", recipe="4bit", group_size=32, name="t", card=False)]
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (last["type"], last["name"], last["card"]["kl"]) == ("done", "tiny-4bit", 0.44)


def test_search_gives_the_catalog_and_the_hub(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    hub = [events.HubModel(repo="o/qwq", downloads=7, likes=1, licence="mit", gated=True)]
    use(monkeypatch, Search=ends(events.Found(query="qwq", models=hub)))
    assert main.run(["search", "qwq"]) == 0
    out = capfd.readouterr().out
    assert "QwQ-32B" in out
    assert "o/qwq" in out
    assert "terms to accept" in out
    assert main.run(["search", "qwq", "--json"]) == 0
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert [offer["entry"]["title"] for offer in last["catalog"]] == ["QwQ-32B"]
    assert [model["repo"] for model in last["models"]] == ["o/qwq"]


@pytest.mark.parametrize("error", [Offline, Denied])
def test_without_the_hub_the_catalog_is_searched_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: Output, error: type[Offline] | type[Denied]
) -> None:
    use(monkeypatch, Search=fails(error, "There is no network."))
    assert main.run(["search", "qwq"]) == 0
    shown = capfd.readouterr()
    assert "QwQ-32B" in shown.out
    assert "The catalog alone was searched" in shown.err
    assert main.run(["search", "no such thing"]) == 1
    assert capfd.readouterr().err.startswith("There is no network.")


def test_rm_says_what_it_freed(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    monkeypatch.setattr(installed, "remove", lambda name: events.Removed(name=name, freed_bytes=4_500_000_000))
    assert main.run(["rm", "tiny-4bit"]) == 0
    assert "tiny-4bit is deleted: 4.5 GB are free again." in capfd.readouterr().err
    assert main.run(["rm", "tiny-4bit", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"type": "done", "name": "tiny-4bit", "freed_bytes": 4_500_000_000}


def test_show_tells_the_card(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    monkeypatch.setattr(installed, "show", lambda _name: COPY)
    assert main.run(["show", "tiny-4bit"]) == 0
    out = capfd.readouterr().out
    assert "same next word 63.3%" in out
    assert "4bit" in out

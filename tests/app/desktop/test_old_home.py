"""A home as Stillroom wrote it at commit b59a8ea opens unchanged: tests/data/old_home, and there how it was made.

The home was made in another folder than the one it is opened in here, so what holds a path of then is checked too.
"""

import calendar
import json
import os
import shutil
import sqlite3
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.cli import main as cli
from app.desktop import theme
from app.desktop.pages.finetune.page import FinetunePage
from app.desktop.pages.models.page import ModelsPage
from app.desktop.pages.traces.page import TracesPage
from app.desktop.window import application
from app.desktop.window.main_window import MainWindow
from app.desktop.window.single_instance import SingleInstance
from models import errors, events, paths, settings
from models.finetune import finetune, run_card, run_folder, runs
from models.generate import load
from models.hub import manifests
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.import_model import ImportModel
from models.jobs.kinds.quantize import Quantize
from models.jobs.queue import ENDED, Jobs
from models.jobs.rows import JobRows
from models.library import installed
from models.store import database
from models.store.chats import Chats
from models.traces import store as trace_sets
from tests.app.desktop.fake_engine import FakeEngine
from tests.returned import result_of

DATA = Path(__file__).parents[2] / "data" / "old_home"
ONCE = "/tmp/stillroom-b59a8ea"  # where it was made
EXPECTED: dict[str, Any] = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
for listed in (EXPECTED["models"], EXPECTED["terminal"]["list"]["models"]):
    listed[0]["path"] = "{home}/models/starter"  # b59a8ea gave the one from before the home was moved
REPO = "stillroom-tests/R1-Distill-Tiny"
UNFINISHED = 43  # the reply that a kill cut short
NEWER_JOB = 99  # of a kind that this version does not know
WRITTEN_ANEW = ("stillroom.db", "stillroom.db-wal", "stillroom.db-shm", "library.json", "settings.toml")
ADDED = ("backups/stillroom-", "logs/", "window.lock")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the zip holds, with its times and modes; not to be changed."""
    place = tmp_path_factory.mktemp("packed")
    with zipfile.ZipFile(DATA / "home-b59a8ea.zip") as packed:
        packed.extractall(place)
        for info in reversed(packed.infolist()):  # files before their folders, whose times they change
            path = place / info.filename
            path.chmod((info.external_attr >> 16) & 0o777)
            when = calendar.timegm((*info.date_time, 0, 0, 0))  # written in UTC
            os.utime(path, (when, when))
    return place


@pytest.fixture(autouse=True)
def old_home(home: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The old home in the place of this test's own, and the Hub's cache that belongs to it."""
    shutil.copytree(packed / "home", home)
    shutil.copytree(packed / "hf", tmp_path / "hf")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody answers
    return home


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(database.open_database()) as connection:
        yield connection


@pytest.fixture
def chats(connection: sqlite3.Connection) -> Chats:
    return Chats(connection, lambda: EXPECTED["now"])


def plain(value: Any, home: Path) -> Any:
    """Records as expected.json has them."""
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
    return json.loads(text.replace(str(home), "{home}").replace(str(home.parent / "hf"), "{hf}"))


def assert_holds(found: Any, expected: Any, at: str = "") -> None:
    """Whether found says all that was expected; a record may say more by now."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), at
        for key, value in expected.items():
            assert key in found, f"{at}.{key} is gone"
            assert_holds(found[key], value, f"{at}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list), at
        assert len(found) == len(expected), f"{at}: {len(found)} for {len(expected)}"
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_holds(one, other, f"{at}[{number}]")
    else:
        assert found == expected, at


def contents(home: Path) -> dict[str, bytes]:
    """All files but those that are written anew at every start."""
    files = {str(path.relative_to(home)): path for path in home.rglob("*") if path.is_file()}
    # a backup on its way is soon gone
    return {
        name: path.read_bytes() for name, path in files.items() if name not in WRITTEN_ANEW and path.suffix != ".part"
    }


def tables(home: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of the database, read from a copy: opening it plays the log of the killed process into the file."""
    copy = home.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("stillroom.db", "stillroom.db-wal"):
        if (home / name).exists():
            shutil.copy(home / name, copy / name)
    names = ("chats", "messages", "jobs")
    with closing(sqlite3.connect(copy / "stillroom.db")) as connection:
        connection.row_factory = sqlite3.Row
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY id")] for name in names}


# Through the models


def test_the_chats_are_what_they_were(chats: Chats, home: Path) -> None:
    expected = EXPECTED["chats"]
    assert_holds(plain(chats.entries(), home), expected["entries"])
    assert_holds(plain(chats.recently_deleted(), home), expected["recently_deleted"])
    ids = [chat["id"] for chat in expected["chats"]]
    assert_holds([plain(chats.get(chat_id), home) for chat_id in ids], expected["chats"])
    for chat_id in ids:
        assert_holds(plain(chats.tree(chat_id), home), expected["trees"][str(chat_id)], f"chat {chat_id}")
        assert [row.id for row in chats.branch(chat_id)] == expected["branches"][str(chat_id)]
    assert [row.id for row in chats.rated(1)] == expected["rated"]["1"]
    assert [row.id for row in chats.rated(-1)] == expected["rated"]["-1"]


def test_the_chats_are_found_by_what_they_say(chats: Chats) -> None:
    for query, hits in EXPECTED["chats"]["searched"].items():
        assert [[hit.chat_id, hit.message_id] for hit in chats.search(query)] == hits, query


def test_an_old_chat_goes_on(chats: Chats) -> None:
    asked = chats.add_user_message(2, "And how deep?")
    written = chats.begin_reply(asked.id, "tiny")
    chats.append(written.id, content="Not very.")
    assert chats.finish(written.id).content == "Not very."
    assert [row.content for row in chats.branch(2)][-2:] == ["And how deep?", "Not very."]
    chats.restore(8)
    assert "Thrown away" in [entry.title for entry in chats.entries()]


def test_the_backup_is_whole(home: Path) -> None:
    assert [file.name for file in (home / "backups").iterdir()] == ["stillroom-2026-11-27.db"]
    assert database.newest_good_backup() is not None


def test_the_jobs_are_what_they_were(connection: sqlite3.Connection, home: Path) -> None:
    *known, _newer = JobRows(connection).all()
    assert_holds([{"record": plain(job, home), "steps": plain(steps, home)} for job, steps in known], EXPECTED["jobs"])
    states = {job.state for job, _ in known}
    assert states == {"waiting", "running", "paused", "failed", "cancelled", "done"}


def test_a_job_of_an_unknown_kind_has_failed_and_is_kept_as_it_is(connection: sqlite3.Connection) -> None:
    rows = JobRows(connection)
    job, steps = rows.all()[-1]
    assert (job.id, job.title, job.state, steps) == (NEWER_JOB, "A job of a newer Stillroom", "failed", [])
    assert job.kind == errors.Newer.kind
    assert job.error == "This job can't be read: another version of Stillroom wrote it."
    jobs = Jobs(FakeEngine(), rows, lambda _job: None)
    jobs.go_on()
    with pytest.raises(errors.Newer):
        jobs.resume(NEWER_JOB)
    jobs.cancel(NEWER_JOB)
    rows.save(job)
    kept = connection.execute("SELECT id, record, steps FROM jobs WHERE id = ?", (NEWER_JOB,)).fetchall()
    assert [list(row) for row in kept] == [row for row in EXPECTED["job_rows"] if row[0] == NEWER_JOB]


def test_the_queue_takes_up_what_ran_and_leaves_the_rest(connection: sqlite3.Connection) -> None:
    engine = FakeEngine()
    jobs = Jobs(engine, JobRows(connection), lambda _job: None)
    jobs.go_on()
    assert list(engine.requests.values()) == [
        Quantize(model=f"{REPO}-2", recipe="4bit", drop_original=True),
        Fetch(repo=f"{REPO}-3"),
        ImportModel(path=f"{ONCE}/source/other.gguf", name="other"),  # it has no longer to wait for those
    ]
    rows = {row_id: (record, steps) for row_id, record, steps in EXPECTED["job_rows"]}
    kept = connection.execute("SELECT id, record, steps FROM jobs ORDER BY id").fetchall()
    assert [row_id for row_id, _, _ in kept] == list(rows)
    for row_id, record, steps in kept:
        assert json.loads(steps) == json.loads(rows[row_id][1])
        if row_id not in (14, 15, 19):  # those run
            assert json.loads(record) == json.loads(rows[row_id][0])


def test_a_paused_download_goes_on_at_its_commit(connection: sqlite3.Connection) -> None:
    engine = FakeEngine()
    jobs = Jobs(engine, JobRows(connection), lambda _job: None)
    paused = next(job for job in jobs.all() if job.subject == REPO)
    assert (paused.state, paused.doing) == ("paused", "fetch")
    jobs.resume(paused.id)
    [begun] = manifests.of_repo(REPO)
    assert Fetch(repo=REPO, revision=begun.commit, recipe="4bit") in engine.requests.values()
    assert_holds(msgspec.to_builtins([begun]), EXPECTED["manifests"])


def test_the_settings_are_what_they_were(home: Path) -> None:
    found, sentence = settings.load()
    assert sentence == ""
    assert_holds(plain(found, home), EXPECTED["settings"])
    settings.save(found)
    before, after = (
        tomllib.loads(text) for text in (EXPECTED["settings_file"], paths.settings_file().read_text("utf-8"))
    )
    assert_holds(after, before)  # with what a newer version had put there


def test_the_library_is_what_it_was(home: Path) -> None:
    found = {model["name"]: model for model in plain(installed.models(), home)}
    expected = {model["name"]: model for model in EXPECTED["models"]}
    assert list(found) == list(expected)
    assert_holds(found, expected)
    assert_holds({name: plain(installed.show(name), home) for name in EXPECTED["shown"]}, EXPECTED["shown"])


@pytest.mark.parametrize(
    ("name", "adapter"), [("tiny", ""), ("tiny-4bit", ""), ("tiny", "adder"), ("tiny", "early-adder")]
)
def test_the_models_can_be_loaded(name: str, adapter: str) -> None:
    folder = str(installed.find_adapter(adapter)) if adapter else None
    loaded = result_of(load.load(name, installed.find(name), folder))
    assert (loaded.name, loaded.adapter) == (name, folder)


def test_the_runs_are_what_they_were(home: Path) -> None:
    found = [
        {
            "run": plain(run, home),
            "metrics": plain(runs.metrics(run), home),
            "checkpoints": plain(runs.checkpoints(run), home),
        }
        for run in runs.runs()
    ]
    assert_holds(found, EXPECTED["runs"])
    unfinished = runs.unfinished("slow-adder")
    assert unfinished is not None
    assert runs.unfinished("adder") is None


def test_a_paused_run_finds_its_base_where_that_is_now(home: Path) -> None:
    paused = runs.unfinished("slow-adder")
    assert paused is not None
    card = run_folder.read_card(Path(paused.folder))
    assert card.base_folder.startswith(ONCE)
    assert run_card.find_base(card) == home / "models" / "tiny"


def test_a_paused_run_goes_on_where_it_was(home: Path) -> None:
    paused = runs.unfinished("slow-adder")
    assert paused is not None
    folder = Path(paused.folder)
    prepared, step = None, None
    resumed = finetune.resume(folder)
    for event in resumed:
        if isinstance(event, events.Prepared):
            prepared = event
        elif isinstance(event, events.Step):
            step = event
            break
    resumed.close()
    assert prepared is not None
    assert step is not None
    assert (prepared.first_step, step.step, step.steps) == (4, 5, 4000)
    expected = EXPECTED["resumed"]
    for field in ("rows", "valid_rows", "steps", "tokens", "trained_tokens", "parameters", "packed"):
        assert getattr(prepared, field) == expected["prepared"][field], field
    assert (step.tokens, step.learning_rate) == (expected["step"]["tokens"], expected["step"]["learning_rate"])
    assert step.loss == pytest.approx(expected["step"]["loss"], rel=1e-4)


def test_the_sets_of_traces_are_what_they_were(home: Path) -> None:
    found = [
        {
            "record": plain(record, home),
            "report": plain(trace_sets.report(record.name), home),
            "excluded": sorted(trace_sets.excluded(record.name)),
            "traces": plain(list(trace_sets.read(record.name, with_excluded=True)), home),
        }
        for record in trace_sets.all_sets()
    ]
    assert_holds(found, EXPECTED["sets"])


def test_the_terminal_prints_what_it_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def last_line(*arguments: str) -> dict[str, Any]:
        assert cli.run([*arguments, "--json"]) == 0
        last: dict[str, Any] = plain(json.loads(capsys.readouterr().out.splitlines()[-1]), home)
        return last

    expected = EXPECTED["terminal"]
    assert_holds(last_line("list"), expected["list"])
    for name, shown in expected["show"].items():
        assert_holds(last_line("show", name), shown, name)
    assert_holds(last_line("traces", "list"), expected["traces list"])
    for name, shown in expected["traces show"].items():
        assert_holds(last_line("traces", "show", name), shown, name)


# Through the window


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(answers_loads=False)  # it knows other models


@pytest.fixture
def start(
    qapp: QApplication, qtbot: QtBot, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[application.Start]:
    """The start of the app over a fake engine, at the time when the home was left."""

    def fake(on_event: Any) -> FakeEngine:
        engine.signals = on_event.__self__
        return engine

    monkeypatch.setattr(application, "Engine", fake)
    monkeypatch.setattr(application, "Chats", lambda connection: Chats(connection, lambda: EXPECTED["now"]))
    start = application.Start(qapp, SingleInstance())
    yield start
    if start.window is not None:
        if start.window.isVisible():
            start.window.close()
        # what other threads tell still comes, so the window has to be gone before the chats are closed
        with qtbot.waitSignal(start.window.destroyed):
            start.window.deleteLater()
    start.close()
    theme.theme.follow("light")  # as other tests begin


@pytest.fixture
def window(start: application.Start, qtbot: QtBot) -> MainWindow:
    start.open()
    assert start.window is not None
    qtbot.waitExposed(start.window)
    return start.window


def models_page(window: MainWindow) -> ModelsPage:
    page = window.pages.show_page("Models")
    assert isinstance(page, ModelsPage)
    return page


def traces_page(window: MainWindow) -> TracesPage:
    page = window.pages.show_page("Traces")
    assert isinstance(page, TracesPage)
    return page


def finetune_page(window: MainWindow) -> FinetunePage:
    page = window.pages.show_page("Fine-tune")
    assert isinstance(page, FinetunePage)
    return page


def test_the_window_shows_the_chats(window: MainWindow) -> None:
    expected = EXPECTED["chats"]
    assert [entry.title for entry in window.sidebar.chat_model.entries()] == [
        entry["title"] for entry in expected["entries"]
    ]
    for entry in expected["entries"]:
        window.jump_to_chat(entry["id"])
        assert window.chat_page.shown.id == entry["id"]
        if ids := expected["branches"][str(entry["id"])]:
            assert window.chat_page.transcript().ids() == ids
    window.jump_to_chat(7)
    assert window.chat_page.composer.text == "What I had typed – und nicht gesendet"
    window.new_chat()
    assert window.chat_page.composer.text == EXPECTED["settings"]["window"]["draft"]


def test_the_window_is_as_it_was_left(window: MainWindow, start: application.Start) -> None:
    kept = EXPECTED["settings"]["window"]
    assert window.pages.is_front(kept["page"])
    assert not window.sidebar_shown()
    assert window.height() == 760  # its width was 1180, which is more than this screen has
    assert window.chat_page.shown.id == kept["chat"]
    assert start.preferences.current.theme == "dark"
    assert start.preferences.current.budget_for("tiny-4bit", True) is None
    assert models_page(window).section == "library"


def test_the_window_shows_models_and_jobs(window: MainWindow, qtbot: QtBot) -> None:
    page = models_page(window)
    qtbot.waitUntil(lambda: bool(page.models))
    assert [model.name for model in page.library.shown] == [model["name"] for model in EXPECTED["models"]]
    page.show_section("activity")
    jobs = {job["record"]["id"]: job["record"]["state"] for job in EXPECTED["jobs"]} | {NEWER_JOB: "failed"}
    assert set(page.activity.under_way.cards) == {job_id for job_id, state in jobs.items() if state not in ENDED}
    assert set(page.activity.ended.cards) == {job_id for job_id, state in jobs.items() if state in ENDED}
    assert {job.id: job.state for job in window.services.jobs.all()} == {
        job_id: "waiting" if state == "running" else state for job_id, state in jobs.items()
    }


def test_the_window_shows_the_sets_of_traces(window: MainWindow, qtbot: QtBot) -> None:
    page = traces_page(window)
    expected = {found["record"]["name"]: found for found in EXPECTED["sets"]}
    qtbot.waitUntil(lambda: page.set_name == "riddles")  # as it was left
    for name in ("riddles", "sums"):
        page.choose_set(name)
        qtbot.waitUntil(lambda name=name: page.set_name == name)
        ids = {trace["id"] for trace in expected[name]["traces"]}
        # rows that an import left out have a key of their own
        qtbot.waitUntil(lambda ids=ids: ids <= {row.key for row in page.view.model.rows})
        assert {row.key for row in page.view.model.rows if row.excluded} & ids == set(expected[name]["excluded"])


def test_the_window_shows_the_runs(window: MainWindow, qtbot: QtBot) -> None:
    page = finetune_page(window)
    shown = EXPECTED["settings"]["window"]["finetune_run"]
    qtbot.waitUntil(lambda: page.run.entry is not None and page.run.key == shown)
    states = {"done": "done", "stopped": "paused"}
    for found in EXPECTED["runs"]:
        page.run.show(found["run"]["id"])
        entry = page.run.entry
        assert entry is not None
        assert entry.run is not None
        assert entry.run.adapter == found["run"]["adapter"]
        assert entry.state == states[found["run"]["state"]]
        qtbot.waitUntil(lambda: page.view is not None and page.view.isVisibleTo(page))
        qtbot.waitUntil(lambda: page.run.is_read)
        steps = [event["loss"] for event in found["metrics"] if event["type"] == "step"]
        assert list(page.run.curves.training.values()) == steps


def test_opening_changes_nothing_but_the_reply_that_was_cut_short(
    start: application.Start, home: Path, qtbot: QtBot
) -> None:
    files, rows = contents(home), tables(home)
    before = tomllib.loads((home / "settings.toml").read_text("utf-8"))
    start.open()
    assert start.window is not None
    qtbot.waitExposed(start.window)
    pages = start.window.pages
    pages.show_page("Chat")
    models, traces, tuning = models_page(start.window), traces_page(start.window), finetune_page(start.window)
    qtbot.waitUntil(lambda: bool(models.models) and bool(traces.sets) and tuning.run.entry is not None)
    pages.show_page(before["window"]["page"])
    start.window.close()
    assert not start.window.isVisible()
    left = contents(home)
    assert {name: left.get(name) for name in files} == files
    assert [name for name in left.keys() - files.keys() if not name.startswith(ADDED)] == []
    after = tables(home)
    cut = next(row for row in rows["messages"] if row["id"] == UNFINISHED)
    assert cut["state"] == "streaming"
    cut["state"] = "interrupted"
    for job in rows["jobs"]:
        job["version"] = 1  # which b59a8ea did not write
    assert after == rows
    settled = tomllib.loads((home / "settings.toml").read_text("utf-8"))
    for kept in (before, settled):
        for key in ("geometry", "scroll"):  # of this screen and its fonts
            del kept["window"][key]
    # settings that b59a8ea did not have are at their defaults
    for now, then, usual in (
        (settled, before, settings.Settings()),
        (settled["window"], before["window"], settings.WindowSettings()),
    ):
        since = now.keys() - then.keys()
        assert {key: now.pop(key) for key in since} == {key: getattr(usual, key) for key in since}
    assert settled == before

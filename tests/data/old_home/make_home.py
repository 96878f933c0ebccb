"""Make a home as Stillroom wrote it at commit b59a8ea, for a test that later versions open it unchanged.

Run once, by the code of that commit itself, in a checkout of it beside an environment of its own whose site-packages name
that checkout first: python -P make_home.py all

It makes everything under /tmp/stillroom-b59a8ea (home/ is STILLROOM_HOME, hf/ is HF_HOME), packs home/ and hf/ as
home-b59a8ea.zip beside this script, moves them to made/, unpacks the zip elsewhere and writes what b59a8ea says of that:
expected.json.

Each stage is a process of its own, in this order:

    library   imports, quantizes, adds traces, fine-tunes, pauses, keeps, exports, downloads half a model: the window's
              own queue (app.desktop.job_queue) over the real engine and its worker processes, and a hub on loopback
    traces    edits a trace, leaves one out by hand
    chats     ten chats through models.store.chats, with a clock of its own
    window    the real window, offscreen: settings, presets, pages, drafts, a chat with the tiny model; closed as one does
    killed    an unfinished reply, running and waiting jobs over an engine that does nothing, a job of an unknown kind;
              ends itself by SIGKILL, so that the write-ahead log stays where it is
    pack, expect
"""

import calendar
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASE = Path("/tmp/stillroom-b59a8ea")
HOME, HF, SOURCE = BASE / "home", BASE / "hf", BASE / "source"
ZIP, EXPECTED = HERE / "home-b59a8ea.zip", HERE / "expected.json"
NOW = 1_795_766_400.0  # 2026-11-27 08:00 UTC: when it was "now" in this home
DAY_S = 86_400.0
STAGES = ("library", "traces", "chats", "window", "killed")
REPO = "stillroom-tests/R1-Distill-Tiny"

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
    os.environ.pop(name, None)
os.environ |= {"STILLROOM_HOME": str(HOME), "HF_HOME": str(HF), "no_proxy": "*", "HF_ENDPOINT": "http://127.0.0.1:9"}

import numpy as np
from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer
from safetensors.numpy import load_file, save_file

from app.desktop.job_queue import JobQueue
from app.desktop.late_engine import LateEngine
from app.desktop.engine_signals import EngineSignals
from models import events, journeys, library, manifests, paths, settings
from models.engine import client, jobs as queue, messages
from models.store import chats as chat_store
from models.store import database
from models.store.jobs import JobRows
from models.traces import replies, store as trace_sets
from models.train import runs
from models.train.config import TrainConfig
from tests import tiny
from tests.hub.server import Hub


def settle(ms: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()


def until(holds: Callable[[], object], what: str, seconds: float = 90) -> None:
    """Let Qt's events come until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: {what}")
        settle(20)
    print("  ", what, flush=True)


# What is learned, got and imported


def make_sources() -> None:
    """A tiny model that packs well, and files of traces."""
    tiny.HIDDEN, tiny.FEED_FORWARD, tiny.HEADS, tiny.KV_HEADS = 64, 64, 4, 2
    for folder, thinking in ((SOURCE / "tiny", "opened"), (SOURCE / "hub", "opened")):
        tiny.make_tiny(folder, thinking=thinking, context=1024)
        file = folder / "model.safetensors"
        # few distinct values: 16 bits of each pack into five
        weights = {key: (np.round(value * 16) / 16).astype(np.float16) for key, value in load_file(file).items()}
        save_file(weights, file, metadata={"format": "mlx"})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "torch_dtype": "float16"}, indent=2))
    rows = [
        {"problem": f"What is {n} + {n + 3}?", "reasoning": f"{n} and {n + 3} are {2 * n + 3}.", "solution": str(2 * n + 3)}
        for n in range(24)
    ]
    rows += [
        {"problem": "What is nothing?", "reasoning": "Nothing.", "solution": ""},
        {"problem": "", "reasoning": "Whatever.", "solution": "3"},
        {"problem": "What is long?", "reasoning": "So on and so forth. " * 80, "solution": "This."},
        {"problem": "What is 5 times 5?", "reasoning": "Five fives.", "solution": "25"},
        rows[3],
    ]
    lines = [json.dumps(row) for row in rows]
    lines.insert(10, '{"problem": "cut of')
    (SOURCE / "sums.jsonl").write_text("\n".join(lines) + "\n")
    (SOURCE / "exam.jsonl").write_text(json.dumps({"problem": "What is 5 times 5?", "answer": "25"}) + "\n")
    riddles = [
        ("What has keys and opens no lock?", "It has keys. Not a door. A piano has keys.", "A piano."),
        ("什么东西越洗越脏？", "越洗越脏的东西……水会变脏。", "水。"),
        ("What gets wetter as it dries?", "It dries something else: a towel.", "A towel."),
        ("Was hat Städte, aber keine Häuser?", "Städte ohne Häuser: auf einer Karte.", "Eine Landkarte."),
        ("What can you catch and not throw?", "A ball can be thrown. A cold can't.", "A cold."),
        ("What is full of holes and holds water?", "Holes, water …", ""),
    ]
    shaped = [
        {
            "conversations": [
                {"from": "human", "value": problem},
                {"from": "gpt", "value": f"<think>\n{thinking}\n</think>\n\n{answer}" if answer else f"<think>\n{thinking}"},
            ]
        }
        for problem, thinking, answer in riddles
    ]
    (SOURCE / "riddles.json").write_text(json.dumps(shaped, ensure_ascii=False))


def run_library() -> None:
    app = QCoreApplication([])
    make_sources()
    command("traces", "add", "sums", str(SOURCE / "sums.jsonl"), "--max-tokens", "400", "--evaluation", str(SOURCE / "exam.jsonl"))  # fmt: skip
    connection = database.open_database()
    signals = EngineSignals()
    engine = LateEngine(signals)
    jobs = JobQueue(engine, signals, JobRows(connection))

    def ends(job_id: int, state: str = "done") -> None:
        def over() -> bool:
            job = next(job for job in jobs.all() if job.id == job_id)
            if job.state != state and job.state in ("failed", "cancelled", "done"):
                raise SystemExit(f"{job}")
            return job.state == state

        until(over, f"job {job_id} {state}")

    ends(jobs.import_path(str(SOURCE / "tiny")))
    ends(jobs.quantize("tiny", "tiny", "4bit"))
    ends(jobs.add_traces("riddles", [str(SOURCE / "riddles.json")], 1024))
    config = TrainConfig(
        rank=1, layers=1, learning_rate=1e-2, steps=6, batch_rows=4, micro_tokens=256, validate_every=2,
        checkpoint_every=3, samples=1, sample_budget=8, sample_tokens=16, max_tokens=256, keep=1,
    )  # fmt: skip
    ends(jobs.finetune("tiny", "tiny on “sums”", "sums", "adder", config, 0.2))
    long = TrainConfig(**{**{name: getattr(config, name) for name in TrainConfig.__struct_fields__}, "steps": 4000, "samples": 0})
    paused = train_until(jobs, long, "slow-adder", 4)
    jobs.pause(paused)
    settle(1500)
    keeping = train_until(jobs, long, "early-adder", 4)
    jobs.stop_and_keep(keeping)
    ends(keeping)
    ends(jobs.export_traces("riddles", str(BASE / "riddles-out.jsonl"), "messages"))
    with Hub() as hub:
        hub.add(REPO, SOURCE / "hub")
        os.environ["HF_ENDPOINT"] = hub.url
        hub.rate = (SOURCE / "hub" / "model.safetensors").stat().st_size / 8
        job = jobs.get("R1-Distill-Tiny", REPO, "main", "4bit", True)
        until(lambda: hub.sent("model.safetensors") > 24_000, "half a download")
        jobs.pause(job)
        settle(2500)
    os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    ends(jobs.get("R1-Distill-Nowhere", "stillroom-tests/nowhere", "main", "8bit", False), "failed")
    ends(jobs.measure("no-such-model", "No such model"), "failed")
    print([(job.id, job.state, job.doing, job.title) for job in jobs.all()])
    engine.close()
    connection.close()
    del app


def train_until(jobs: JobQueue, config: TrainConfig, name: str, step: int) -> int:
    told: list[object] = []
    jobs.run_event.connect(lambda _job, event: told.append(event))
    job = jobs.finetune("tiny", "tiny on “sums”", "sums", name, config, 0.2)
    until(lambda: any(isinstance(event, events.Step) and event.step >= step for event in told), f"{name} at {step}")
    return job


def command(*arguments: str) -> str:
    """The command line of this commit."""
    done = subprocess.run([sys.executable, "-m", "app", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def run_traces() -> None:
    found = list(trace_sets.read("riddles"))
    trace_sets.edit("riddles", found[2].id, answer="A towel, while it dries you.")
    trace_sets.exclude("riddles", [found[0].id])
    trace_sets.exclude("sums", [next(iter(trace_sets.read("sums"))).id])


# Chats

LONG_ANSWER = "$(3, 1)$ and $(7, 3)$.\n\n" + "".join(f"{n}. Line {n} of a long answer, so that the chat scrolls.\n" for n in range(1, 61))


def reply(answer: str, thinking: str = "", **more: object) -> events.Reply:
    words = len(thinking.split())
    values: dict[str, object] = {
        "thinking": thinking, "answer": answer, "thinking_tokens": words, "answer_tokens": len(answer.split()),
        "prompt_tokens": 31, "cached_tokens": 12, "ttft_s": 0.25, "tokens_per_s": 41.5, "finish": "eos",
        "closed_by": "model" if thinking else "off", "thinking_s": 3.5 if thinking else 0.0,
        "budget": 2048 if thinking else None, "context_tokens": 310, "context_limit": 1024,
    }  # fmt: skip
    return events.Reply(**{**values, **more})  # type: ignore[arg-type]


class Clock:
    """Seconds since 1970 that go on by one at each look."""

    def __init__(self) -> None:
        self.now = NOW - 9 * DAY_S

    def __call__(self) -> float:
        self.now += 1
        return self.now


def run_chats() -> None:
    connection = database.open_database()
    clock = Clock()
    chats = chat_store.Chats(connection, clock)

    def ask(chat_id: int, text: str, record: events.Reply | None, model: str = "tiny", state: str = "done", **more: str) -> int:
        asked = chats.add_user_message(chat_id, text)
        written = chats.begin_reply(asked.id, model, more.get("adapter", ""))
        if record is None:
            chats.append(written.id, thinking=more.get("thinking", ""), content=more.get("content", ""))
        chats.finish(written.id, state, record, more.get("error", ""))  # type: ignore[arg-type]
        return written.id

    # 1: thinking with mathematics, a budget, rated good
    one = chats.create("tiny", think_budget=512, system="Please reason step by step.", preset="Maths")
    chats.rename(one.id, "Pell equations", source="auto")
    good = ask(one.id, "Solve $x^2 - 5y^2 = 4$.", reply(LONG_ANSWER, "9 - 5 = 4. 49 - 45 = 4.", budget=512))
    chats.rate(good, 1)
    ask(one.id, "And one more?", reply("**(18, 8)**\n\n```python\nprint(18**2 - 5 * 64)\n```", "324 - 320 = 4.", budget=512))
    # 2: branches by an edited message, renamed by hand
    clock.now += DAY_S
    two = chats.create("tiny", think_budget=None, sampling=messages.Sampling(temperature=0.7, top_p=0.9, seed=3))
    chats.rename(two.id, "Two wordings")
    ask(two.id, "Name a river in Asia.", reply("The Mekong.", "Asia. Rivers."))
    first = chats.branch(two.id)[0]
    edited = chats.edit_user_message(first.id, "Name a river in Europe.")
    written = chats.begin_reply(edited.id, "tiny-4bit")
    chats.append(written.id, thinking="Eu")
    chats.append(written.id, thinking="rope.", content="The Danube.")
    chats.finish(written.id, "done", reply("The Danube.", "Europe."))
    ask(two.id, "How long is it?", reply("2,850 km.", "", budget=None))
    # 3: versions of a reply by two models and an adapter, an older one shown, ratings both ways
    clock.now += DAY_S
    three = chats.create("tiny", think_budget=0, adapter="adder")
    chats.rename(three.id, "Versions", source="auto")
    versions = [ask(three.id, "What is 2 + 5?", reply("7", "", closed_by="off"))]
    question = chats.message(versions[0]).parent_id or 0
    for model, adapter, answer in (("tiny-4bit", "", "Eight."), ("tiny", "adder", "2 and 5 are 7.")):
        versions.append(chats.begin_reply(question, model, adapter).id)
        chats.finish(versions[-1], "done", reply(answer, "Two and five."))
    chats.rate(versions[0], 1)
    chats.rate(versions[1], -1)
    chats.show_version(versions[2], -1)
    # 4: several votes, and notes; the store keeps the notes and not the votes
    clock.now += DAY_S
    four = chats.create("tiny", think_budget=128)
    chats.rename(four.id, "Three votes", source="auto")
    ballots = [
        events.Ballot(answer=text, thinking="Hm.", canonical=text, tokens=9, finish="eos", counted=True)
        for text in ("12", "12", "13")
    ]
    notes = ["The reply was cut at the end of the context.", "2 of 3 agree: 12"]
    ask(four.id, "What is 3 times 4?", reply("12", "Three fours.", votes=ballots, agreement=2, notes=notes, finish="length"))
    # 5: budgets: closed by the budget, by answer now, by a loop; a number typed by hand
    clock.now += DAY_S
    five = chats.create("tiny-4bit", think_budget=2048)
    chats.rename(five.id, "Budgets", source="auto")
    for how, budget in (("budget", 64), ("answer_now", 8192), ("loop", None)):
        ask(five.id, f"Think until {how}.", reply("Done.", "Let me see. " * 5, closed_by=how, budget=budget), "tiny-4bit")
    chats.set_thinking(five.id, 777, 777)
    # 6: Chinese
    clock.now += DAY_S
    six = chats.create("tiny", think_budget=512)
    chats.rename(six.id, "天空为什么是蓝色的", source="auto")
    ask(six.id, "天空为什么是蓝色的？请简短回答。", reply("因为空气分子散射蓝光。", "瑞利散射：波长越短，散射越强。"))
    # 7: stopped, failed, interrupted replies; a draft
    clock.now += DAY_S
    seven = chats.create("tiny", think_budget=512)
    chats.rename(seven.id, "Cut short", source="auto")
    ask(seven.id, "Go on for ever.", reply("And so", "Long ago", finish="cancelled"), state="stopped")
    ask(seven.id, "Fail.", None, state="failed", content="Half", error="The model needs 4.7 GB, 3.1 GB are free.")
    ask(seven.id, "Die.", None, state="interrupted", thinking="I was", error="The engine stopped before the reply was finished.")  # fmt: skip
    chats.save_draft(seven.id, "What I had typed – und nicht gesendet")
    # 8: deleted; 9: a copy of the branches; 10: empty, of an adapter that is gone
    eight = chats.create("starter", think_budget=0)
    chats.rename(eight.id, "Thrown away")
    ask(eight.id, "Forget this.", reply("I will.", ""), "starter")
    chats.delete(eight.id)
    clock.now = NOW - 2 * DAY_S
    chats.duplicate(two.id)
    ten = chats.create("tiny", think_budget=96, adapter="gone-adapter")
    chats.rename(ten.id, "An adapter that is gone", source="auto")
    replies.collect("riddles", replies.of_rated(chats, True))
    connection.close()


# The window


def run_window() -> None:
    from app.desktop import application

    settings.save(settings.Settings(default_model="tiny"))
    file = paths.settings_file()
    # as a newer Stillroom may have left it
    file.write_text('newer_key = "kept"\n' + file.read_text() + "\n[newer_table]\nnumber = 3\n", encoding="utf-8")
    opened = application.Start.open

    def open_and_drive(start: application.Start, readonly: bool = False) -> None:
        opened(start, readonly)
        QTimer.singleShot(300, start, lambda: drive(start))

    application.Start.open = open_and_drive  # type: ignore[method-assign]
    status = application.run()
    print("window ended with", status)


def drive(start: object) -> None:
    try:
        press(start.window)  # type: ignore[attr-defined]
    except BaseException as error:
        print("driving failed:", repr(error), flush=True)
        os._exit(3)


def press(window: object) -> None:
    from PySide6.QtTest import QTest
    from app.desktop.main_window import MainWindow
    from app.desktop.settings_dialog import SettingsDialog
    from models.settings import Preset

    assert isinstance(window, MainWindow)
    page, preferences = window.chat_page, window.services.preferences
    shown = page.shown
    until(lambda: page.status.models and shown.loading.loaded is not None, "the model is loaded")
    window.show_settings()
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None
    dialog.scheme.setCurrentText("Dark")
    dialog.budget.chosen.emit(4096)
    dialog.close()
    preferences.change(
        presets=[
            Preset(name="Sums", system="Answer with the number alone.", temperature=0.25, top_p=0.8, think=256),
            Preset(name="Unendlich", system="Denke gründlich.", think="unlimited"),
            Preset(name="简短", system="请简短回答。"),
        ]
    )
    shown.choose_model("tiny-4bit")
    shown.choose_budget(None)
    shown.make_default_budget()
    shown.choose_model("tiny")
    shown.choose_budget(40)
    shown.make_default_budget()
    until(lambda: shown.loading.loaded is not None and shown.loading.loaded.model == "tiny", "tiny is loaded again")
    # a chat of its own, with what the model really says
    window.new_chat()
    shown.choose_preset(preferences.current.presets[0])
    shown.choose_budget(40)
    QTest.keyClicks(page.composer.edit, "What is 2 + 3?")
    page.composer.send_requested.emit(page.composer.text)
    until(lambda: shown.id is not None and shown.under_way is None or len(getattr(shown.under_way, "answer", "")) > 40, "it answers")
    shown.stop()
    until(lambda: shown.under_way is None, "the reply has ended")
    shown.regenerate_last()
    until(lambda: shown.under_way is None or len(shown.under_way.answer) > 20, "it answers again")
    shown.stop()
    until(lambda: shown.under_way is None, "the second version has ended")
    shown.rate(shown.last_reply() or 0, -1)
    shown.step_last_version(-1)
    window.new_chat()
    page.composer.edit.setPlainText("A draft of a chat that is not begun")
    settle(1500)
    page.transcript().thinking_opened.emit(True)
    # the other pages
    window.show_page("Models")
    models = window.more_pages.models
    until(lambda: models.models, "the library is listed")
    models.show_section("library")
    models.library._sort("size")
    models.getting.keep_drop(True)
    settle(300)
    window.show_page("Traces")
    traces = window.more_pages.traces
    until(lambda: len(traces.sets) == 2, "the sets are listed")
    traces.choose_set("riddles")
    until(lambda: traces.set_name == "riddles", "riddles are shown")
    traces.view._press_segment("left")
    preferences.remember(traces_longest=1024, traces_folder=str(SOURCE))  # as the import's form and its dialog do
    window.show_page("Fine-tune")
    finetune = window.more_pages.finetune
    until(lambda: finetune.form.base.current if hasattr(finetune.form, "base") else True, "the form has a base")
    settle(1500)
    finetune.form.choose_base("tiny")
    finetune.form.presets.parts["thorough"].click()
    run = runs.runs()[0]
    finetune.show_run(run.id)
    settle(800)
    window.resize(1180, 760)
    window.move(60, 40)
    window._set_sidebar(False)
    window.jump_to_chat(1)
    settle(800)
    page.presenter.go_to_place(240)
    settle(200)
    window.show_page("Models")
    settle(2500)  # the purge, the queue, the backup
    print("  ", preferences.current, flush=True)
    window.close()


# What a kill leaves


class Idle:
    """An engine that takes requests and says nothing."""

    def __init__(self) -> None:
        self.calls = 0

    def start(self, _request: messages.Request) -> int:
        self.calls += 1
        return self.calls

    def cancel(self, call_id: int) -> None:
        pass

    def call_bytes(self, call_id: int) -> int:
        return 123_456_789


def run_killed() -> None:
    connection = database.open_database()
    jobs = queue.Jobs(Idle(), JobRows(connection), lambda job: None)
    assert not [job for job in jobs.all() if job.state in ("waiting", "running")], "nothing that would run"
    original = events.Model(
        name=REPO + "-2", title="R1-Distill-Tiny-2", path="", architecture="llama", family="", params=0, bits=16.0,
        size_bytes=0, context_limit=0, source="", created="", kind="original",
    )  # fmt: skip
    # cancelled ones first, so that their lanes are free again
    fuse = jobs.add("adder.gguf", "adder", [messages.Fuse(model="tiny", adapter="adder", gguf=str(BASE / "adder.gguf"))])
    jobs.cancel(fuse)
    jobs.handle(1, events.Failed(kind="cancelled", text="Stopped."))
    fused = jobs.add("tiny + adder", "adder", [messages.Fuse(model="tiny", adapter="adder", name="tiny-adder", recipe="8bit")])
    jobs.handle(2, events.Failed(kind="disk_full", text="The model needs 1 MB, nothing is free.", hint="Free some space."))
    gone = jobs.add("R1-Distill-Gone", "stillroom-tests/gone", journeys.get("stillroom-tests/gone", "main", "mixed-4-6"))
    jobs.cancel(gone)
    jobs.handle(3, events.Failed(kind="cancelled", text="Stopped."))
    # running: a journey at its second step, and a download
    journey = jobs.add("R1-Distill-Tiny-2", REPO + "-2", journeys.get(REPO + "-2", "v1.0", "4bit", True))
    jobs.handle(4, events.Done(result=original))
    jobs.handle(5, events.Progress(job="quantize", stage="quantize", done=3, total=9, unit="layers", rate=1.5))
    jobs.handle(5, events.Note(text="One layer stays as it is."))
    jobs.handle(5, events.Progress(job="quantize", stage="card", done=1, total=4, unit="steps", rate=1.5))
    fetch = jobs.add("R1-Distill-Tiny-3", REPO + "-3", journeys.get(REPO + "-3"))
    jobs.handle(6, events.Progress(job="fetch", stage="download", done=1000, total=9000, unit="bytes", rate=250.0))
    # waiting, one of each kind
    waiting = [
        ("tiny-8bit", "tiny", [messages.Quantize(model="tiny", recipe="8bit", group_size=32, name="tiny-8bit", card=False)]),
        ("tiny", "tiny", [messages.Quantize(model="tiny", recipe="dwq", replace=True)]),
        ("tiny-4bit", "tiny-4bit", [messages.MeasureCard(model="tiny-4bit", reference="tiny")]),
        ("other.gguf", str(SOURCE / "other.gguf"), [messages.Import(path=str(SOURCE / "other.gguf"), name="other")]),
        ("Traces for more", "more", [messages.AddTraces(name="more", files=[str(SOURCE / "sums.jsonl")], max_tokens=900, model="tiny", evaluation=[str(SOURCE / "exam.jsonl")])]),
        ("Export of sums to sums.csv", "sums", [messages.ExportTraces(name="sums", path=str(BASE / "sums.csv"), shape="alpaca")]),
        ("tiny on “riddles”", "riddler", [messages.Finetune(model="tiny", traces="riddles", name="riddler", config=TrainConfig(method="dora", rank=3, steps=5, seed=11), held_out=0.25, run="20261127-080000-riddler")]),
        ("tiny on “sums”", "kept-adder", [messages.Keep(run=next(run.id for run in runs.runs() if run.adapter == "slow-adder"), name="kept-adder")]),
        ("tiny + early-adder", "early-adder", [messages.Fuse(model="tiny", adapter="early-adder")]),
    ]  # fmt: skip
    ids = [jobs.add(title, subject, steps) for title, subject, steps in waiting]
    jobs.pause(ids[1])  # learned quantization, paused before it began
    states = {job.id: job.state for job in jobs.all()}
    assert [states[one] for one in (fuse, fused, gone, journey, fetch)] == ["cancelled", "failed", "cancelled", "running", "running"], states  # fmt: skip
    assert {states[one] for one in ids} == {"waiting", "paused"}, states
    # of a newer Stillroom
    record = queue.Job(id=99, title="A job of a newer Stillroom", subject="x", state="waiting", doing="levitate", created="2026-11-27T08:00:00+00:00")  # fmt: skip
    with database.transaction(connection):
        connection.execute(
            "INSERT INTO jobs (id, record, steps) VALUES (99, ?, ?)",
            (json.dumps({**json.loads(msgspec_json(record)), "newer": 1}), '[{"type":"levitate","height_m":3}]'),
        )
    # a reply under way
    chats = chat_store.Chats(connection, lambda: NOW - 60)
    chat = chats.create("tiny", think_budget=512)
    chats.rename(chat.id, "Killed in mid-reply", source="auto")
    asked = chats.add_user_message(chat.id, "Tell me a long story.")
    under_way = chats.begin_reply(asked.id, "tiny", "adder")
    chats.append(under_way.id, thinking="A story. It should be ")
    chats.append(under_way.id, thinking="long.", content="Once upon a ti")
    os.kill(os.getpid(), signal.SIGKILL)


def msgspec_json(value: object) -> bytes:
    import msgspec

    return msgspec.json.encode(value)


# Packing, and what is said of it


def run_pack() -> None:
    """home/ and hf/ as a zip; times are UTC and even, as a zip says them."""
    ZIP.unlink(missing_ok=True)
    left_out = {"stillroom.db-shm", "window.lock"}  # made anew; a lock of a process that is gone
    entries = sorted(path for top in (HOME, HF) for path in [top, *top.rglob("*")] if path.name not in left_out)
    with zipfile.ZipFile(ZIP, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in entries:
            about = path.lstat()
            assert not path.is_symlink(), path
            name = str(path.relative_to(BASE)) + ("/" if path.is_dir() else "")
            info = zipfile.ZipInfo(name, time.gmtime(int(about.st_mtime) // 2 * 2)[:6])
            info.external_attr = about.st_mode << 16
            info.compress_type = zipfile.ZIP_STORED if path.is_dir() else zipfile.ZIP_DEFLATED
            packed.writestr(info, b"" if path.is_dir() else path.read_bytes())
    print(ZIP, ZIP.stat().st_size)


def unpack(to: Path) -> None:
    """The zip with its times and modes."""
    with zipfile.ZipFile(ZIP) as packed:
        packed.extractall(to)
        for info in reversed(packed.infolist()):
            path = to / info.filename
            path.chmod((info.external_attr >> 16) & 0o777)
            when = calendar.timegm((*info.date_time, 0, 0, 0))
            os.utime(path, (when, when))


def run_expect() -> None:
    """What this commit says of the home in another place. {home}: the folder it is in now."""
    import msgspec

    place = Path("/tmp/stillroom-elsewhere")
    shutil.rmtree(place, ignore_errors=True)
    unpack(place)
    os.environ |= {"STILLROOM_HOME": str(place / "home"), "HF_HOME": str(place / "hf")}
    plain = msgspec.to_builtins

    def last(*arguments: str) -> object:
        return json.loads(command(*arguments, "--json").splitlines()[-1])

    connection = database.open_database()
    chats = chat_store.Chats(connection, lambda: NOW)
    ids = [row[0] for row in connection.execute("SELECT id FROM chats ORDER BY id")]
    found = {
        "commit": "b59a8ea",
        "now": NOW,
        "schema": connection.execute("PRAGMA user_version").fetchone()[0],
        "chats": {
            "entries": plain(chats.entries()),
            "recently_deleted": plain(chats.recently_deleted()),
            "chats": [plain(chats.get(chat_id)) for chat_id in ids],
            "trees": {str(chat_id): plain(chats.tree(chat_id)) for chat_id in ids},
            "branches": {str(chat_id): [row.id for row in chats.branch(chat_id)] for chat_id in ids},
            "rated": {str(rating): [row.id for row in chats.rated(rating)] for rating in (-1, 1)},
            "searched": {
                query: [[hit.chat_id, hit.message_id] for hit in chats.search(query)]
                for query in ("river", "蓝色", "votes", "Mekong")
            },
        },
        "jobs": [
            {"record": plain(job), "steps": plain(steps)} for job, steps in JobRows(connection).all()
        ],
        "job_rows": connection.execute("SELECT id, record, steps FROM jobs ORDER BY id").fetchall(),
        "settings": plain(settings.read()),
        "settings_file": (place / "home" / "settings.toml").read_text("utf-8"),
        "models": plain(library.models()),
        "shown": {name: plain(library.show(name)) for name in ("tiny", "tiny-4bit", "adder", "early-adder", REPO)},
        "manifests": plain(manifests.of_repo(REPO)),
        "runs": [
            {
                "run": plain(run),
                "metrics": plain(runs.metrics(run)),
                "checkpoints": plain(runs.checkpoints(run)),
            }
            for run in runs.runs()
        ],
        "sets": [
            {
                "record": plain(record),
                "report": plain(trace_sets.report(record.name)),
                "excluded": sorted(trace_sets.excluded(record.name)),
                "traces": [plain(trace) for trace in trace_sets.read(record.name, with_excluded=True)],
            }
            for record in trace_sets.all_sets()
        ],
    }
    connection.close()
    found["terminal"] = {
        "list": last("list"),
        "show": {name: last("show", name) for name in ("tiny", "tiny-4bit", "adder")},
        "traces list": last("traces", "list"),
        "traces show": {name: last("traces", "show", name) for name in ("sums", "riddles")},
    }
    found["resumed"] = one_more_step(place)
    text = json.dumps(found, indent=1, ensure_ascii=False).replace(str(place / "home"), "{home}").replace(str(place / "hf"), "{hf}")
    EXPECTED.write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(place)
    print(EXPECTED, EXPECTED.stat().st_size)


def one_more_step(place: Path) -> object:
    """The next step of the run that was paused, as if the home had never been moved."""
    import msgspec

    from models.train import finetune

    paused = runs.unfinished("slow-adder")
    assert paused is not None
    card = Path(paused.folder) / "run_card.json"
    card.write_text(card.read_text().replace(str(HOME), str(place / "home")))
    told: dict[str, object] = {}
    events_of_run = finetune.resume(Path(paused.folder))
    for event in events_of_run:
        if isinstance(event, events.Prepared | events.Step):
            told[type(event).__struct_config__.tag] = msgspec.to_builtins(event)
        if isinstance(event, events.Step):
            break
    events_of_run.close()  # type: ignore[attr-defined]
    return told


def main() -> None:
    wanted = sys.argv[1]
    if wanted != "all":
        globals()[f"run_{wanted}"]()
        return
    for folder in (BASE, HERE / "made"):
        shutil.rmtree(folder, ignore_errors=True)
    BASE.mkdir()
    for stage in (*STAGES, "pack", "expect"):
        if stage == "expect":
            shutil.move(BASE, HERE / "made")  # a home that was moved finds nothing where it was
        print(stage, flush=True)
        status = subprocess.run([sys.executable, __file__, stage], check=False).returncode
        if status != (-signal.SIGKILL if stage == "killed" else 0):
            raise SystemExit(f"{stage} ended with {status}")


if __name__ == "__main__":
    main()

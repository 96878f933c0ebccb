"""The command line with an engine that replays events: what stands on stdout, on stderr, and in the exit status."""

import io
import json
import os
import signal
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import models.library
from app.cli import command_parts, interrupts, main
from models import events, paths, requests, settings
from models.engine.wire import Request
from models.errors import Corrupt, DiskFull, Interrupted, NotFound, StillroomError, WorkerDied
from models.jobs.kinds.import_model import ImportModel
from models.machine import backend
from tests.app.fake_engine import LOADED, MODEL, REPLY, FakeEngine, Script, failing, fails, loading, paris, voting

Output = pytest.CaptureFixture[str]
Use = Callable[..., FakeEngine]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Have commands talk to a FakeEngine with these scripts."""

    def used(**scripts: Script) -> FakeEngine:
        engine = FakeEngine(**scripts)
        monkeypatch.setattr(command_parts, "open_engine", engine.opened)
        return engine

    return used


@pytest.fixture(autouse=True)
def not_terminated() -> Iterator[None]:
    yield
    interrupts.terminated.clear()


def _type(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def _lines(out: str) -> list[dict[str, Any]]:
    assert out.endswith("\n")
    return [json.loads(line) for line in out.splitlines()]


def _library(monkeypatch: pytest.MonkeyPatch, *known: events.Model) -> None:
    def show(name: str) -> events.Model:
        for model in known:
            if model.name == name:
                return model
        raise NotFound(f'There is no model "{name}".', "stillroom list shows those there are.")

    library = types.SimpleNamespace(models=lambda: list(known), show=show)
    monkeypatch.setattr(models.library, "installed", library, raising=False)


def stopped_by(number: signal.Signals) -> Script:
    """A reply in whose middle a signal comes; it ends as the engine ends a cancelled one."""

    def script(engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
        yield events.Token(channel="thinking", text="Hm", n=12)
        yield events.Token(channel="answer", text="Par", n=34)
        os.kill(os.getpid(), number)
        assert engine.cancelled.wait(10)
        yield events.Done(
            result=events.Reply(
                thinking="Hm",
                answer="Par",
                thinking_tokens=12,
                answer_tokens=34,
                prompt_tokens=1,
                cached_tokens=0,
                ttft_s=0.1,
                tokens_per_s=1.0,
                finish="cancelled",
            )
        )

    return script


class TestChat:
    def test_the_answer_alone_goes_to_stdout(self, use: Use, capsys: Output) -> None:
        engine = use()
        assert main.run(["chat", "starter", "Capital of France?", "--think", "3"]) == 0
        out, err = capsys.readouterr()
        assert out == "Paris.\n"
        assert err.splitlines() == [
            "Loading the model …",
            "Reading the prompt …",
            "Let me see.",
            "Thought for 1.5 s · 3 of 3 tokens, stopped at the budget",
        ]
        assert "\x1b" not in err
        assert engine.closed

    def test_votes_are_told_beside_the_answer(self, use: Use, capsys: Output) -> None:
        engine = use(chat=voting)
        assert main.run(["chat", "starter", "Capital of France?", "--votes", "3"]) == 0
        out, err = capsys.readouterr()
        assert out == "Paris.\n"
        assert err.splitlines() == ["Loading the model …", "Voting …", "2 of 3 agree: paris", "1 of 3: lyon␇"]
        assert [chat.votes for chat in engine.chats] == [3]

    def test_calm_is_as_asked_for_or_as_in_the_settings(self, use: Use) -> None:
        engine = use()
        for asked in ([], ["--calm"]):
            assert main.run(["chat", "starter", "Hm?", *asked]) == 0
        settings.save(settings.Settings(calm=True))
        for asked in ([], ["--no-calm"]):
            assert main.run(["chat", "starter", "Hm?", *asked]) == 0
        assert [chat.calm for chat in engine.chats] == [False, True, True, False]

    def test_votes_for_programs(self, use: Use, capsys: Output) -> None:
        use(chat=voting)
        assert main.run(["chat", "starter", "Capital of France?", "--votes", "3", "--json"]) == 0
        done = _lines(capsys.readouterr().out)[-1]
        assert done["agreement"] == 2
        assert [vote["canonical"] for vote in done["votes"]] == ["paris", "lyon\x07", "paris"]
        assert set(done["votes"][0]) == {"answer", "thinking", "canonical", "tokens", "finish", "counted"}

    def test_a_conversation_votes_on_every_reply(
        self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = use(chat=voting)
        _type(monkeypatch, "One\nTwo\n")
        assert main.run(["chat", "starter", "--votes", "3"]) == 0
        assert [chat.votes for chat in engine.chats] == [3, 3]
        assert capsys.readouterr().err.count("2 of 3 agree: paris") == 2

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--votes", "0"], "The number of votes is 1 to 16, not 0."),
            (["--votes", "17"], "The number of votes is 1 to 16, not 17."),
            (["--votes", "3", "--temperature", "0"], "At temperature 0 all votes would be the same."),
        ],
    )
    def test_votes_that_make_no_sense(self, options: list[str], words: str, use: Use, capsys: Output) -> None:
        engine = use()
        assert main.run(["chat", "starter", "Hi", *options]) == 2
        assert capsys.readouterr().err.startswith(words)
        assert engine.requests == []

    def test_events_of_a_reply(self, use: Use, capsys: Output) -> None:
        use()
        assert main.run(["chat", "starter", "Capital of France?", "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert out.splitlines() == [
            '{"type":"progress","job":"load","stage":"load","done":50,"total":100,"unit":"bytes","rate":0.0}',
            '{"type":"progress","job":"chat","stage":"prefill","done":9,"total":9,"unit":"tokens","rate":0.0}',
            '{"type":"budget","tokens":3,"used":0}',
            '{"type":"token","channel":"thinking","text":"Let me","n":2,"forced":false}',
            '{"type":"token","channel":"thinking","text":" see.","n":3,"forced":false}',
            '{"type":"thinking_closed","tokens":3,"seconds":1.5,"how":"budget"}',
            '{"type":"token","channel":"answer","text":"Par","n":1,"forced":false}',
            '{"type":"token","channel":"answer","text":"is.","n":2,"forced":false}',
            '{"type":"done","thinking":"Let me see.","answer":"Paris.","thinking_tokens":3,"answer_tokens":2,'
            '"prompt_tokens":9,"cached_tokens":0,"ttft_s":0.25,"tokens_per_s":20.0,"finish":"eos",'
            '"closed_by":"budget","thinking_s":1.5,"budget":3,"context_tokens":0,"context_limit":0,"notes":[],'
            '"votes":[],"agreement":0}',
        ]

    def test_all_options_reach_the_engine(self, use: Use) -> None:
        engine = use()
        options = "--think 64 --think-min 8 --adapter terse --temperature 0.5 --top-p 0.9 --seed 7 --max-tokens 100"
        assert main.run(["chat", "starter", "Hi", "--system", "Be brief.", *options.split()]) == 0
        assert engine.requests == [
            requests.Load(model="starter", adapter="terse"),
            requests.ChatRequest(
                model="starter",
                messages=[
                    requests.Message(role="system", content="Be brief."),
                    requests.Message(role="user", content="Hi"),
                ],
                think=64,
                think_min=8,
                max_tokens=100,
                sampling=requests.Sampling(temperature=0.5, top_p=0.9, seed=7),
                adapter="terse",
            ),
        ]

    @pytest.mark.parametrize(("word", "tokens"), [("off", 0), ("short", 512), ("unlimited", None), ("17", 17)])
    def test_budgets(self, use: Use, word: str, tokens: int | None) -> None:
        engine = use()
        assert main.run(["chat", "starter", "Hi", "--think", word]) == 0
        assert engine.chats[0].think == tokens

    def test_without_a_budget_the_settings_decide(self, use: Use) -> None:
        engine = use()
        main.run(["chat", "starter", "Hi"])
        settings.save(settings.Settings().with_budget("starter", 99))
        main.run(["chat", "starter", "Hi"])
        main.run(["chat", "starter", "Hi", "--think-min", "200"])
        # The starter was not trained to think: it does when asked to.
        assert [chat.think for chat in engine.chats] == [0, 99, 200]

    @pytest.mark.parametrize(
        ("settings", "told"), [("theme =", "settings.toml.broken"), ("theme = 3", "The default is used instead.")]
    )
    def test_broken_settings_are_said_and_do_not_stop(self, use: Use, capsys: Output, settings: str, told: str) -> None:
        use()
        paths.settings_file().write_text(settings)
        assert main.run(["chat", "starter", "Hi", "--json"]) == 0
        note, *_ = _lines(capsys.readouterr().out)
        assert note["type"] == "note"
        assert told in note["text"]

    def test_the_prompt_comes_from_stdin(self, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = use()
        _type(monkeypatch, "Two\nlines\n")
        assert main.run(["chat", "starter", "-"]) == 0
        assert engine.chats[0].messages[0].content == "Two\nlines\n"

    @pytest.mark.parametrize("raw", [b"caf\xe9 noir", b"caf\xc3 noir", b"caf\xed\xa0\x80 noir", b"caf\xff\xfe noir"])
    def test_bytes_of_stdin_that_are_no_text_are_shown_as_such(
        self, use: Use, monkeypatch: pytest.MonkeyPatch, raw: bytes
    ) -> None:
        engine = use()
        for encoding, fault in (("utf-8", "surrogateescape"), ("ascii", "strict")):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding, fault))
            assert main.run(["chat", "starter", "-"]) == 0
            content = engine.chats[-1].messages[0].content
            assert "\ufffd" in content
            assert (content[:3], content[-5:]) == ("caf", " noir")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["chat", "starter", "caf\udce9"], ["chat", "starter", "Hi", "--system", "caf\udce9"], ["show", "\udcff"],
            ["import", "./caf\udce9"], ["import", "x", "--name", "\udce9"], ["traces", "add", "set", "caf\udce9.jsonl"],
            ["chat", "starter", "\ud83d"], ["\udce9"], ["search", "\udce9"], ["fuse", "x", "--adapter", "\udce9", "--name", "n"],
        ],
    )  # fmt: skip
    def test_an_argument_that_is_no_text_is_refused(self, use: Use, capsys: Output, arguments: list[str]) -> None:
        engine = use()
        assert main.run([*arguments, "--json"]) == 2
        out, err = capsys.readouterr()
        assert _lines(out)[-1]["kind"] == "bad_input"
        assert err.startswith("An argument is not UTF-8: ")
        assert engine.requests == []

    def test_a_path_in_a_folder_that_is_no_text_is_refused(
        self, use: Use, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use()
        (tmp_path / "caf\udce9").mkdir()
        monkeypatch.chdir(tmp_path / "caf\udce9")
        for command in (["import", "model"], ["chat", "./model", "Hi"], ["traces", "add", "set", "rows.jsonl"]):
            assert main.run(command) == 2
            assert "is not UTF-8" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("given", "place"),
        [("starter", "starter"), ("./m", "{cwd}/m"), ("~/m", "{home}/m"), ("/m", "/m"), ("org/name", "org/name")],
    )
    def test_paths_are_made_absolute(self, use: Use, given: str, place: str) -> None:
        engine = use()
        main.run(["chat", given, "Hi"])
        assert engine.chats[0].model == place.format(cwd=Path.cwd(), home=Path.home())

    def test_control_characters_of_a_model_are_shown_at_a_terminal(
        self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def script(_engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
            yield events.Token(channel="answer", text="a\x1b[2Jb\u202ec\n", n=1)
            yield events.Done(result=REPLY)

        use(chat=script)
        main.run(["chat", "starter", "Hi"])
        assert capsys.readouterr().out == "a\x1b[2Jb\u202ec\n"
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        main.run(["chat", "starter", "Hi"])
        assert capsys.readouterr().out == "a␛[2Jb\ufffdc\n"


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_says_what_was_produced(self, number: signal.Signals, use: Use, capsys: Output) -> None:
        engine = use(chat=stopped_by(number))
        assert main.run(["chat", "starter", "Hi"]) == 130
        out, err = capsys.readouterr()
        assert out == "Par\n"
        assert err.splitlines()[-1] == "Stopped after 12 thinking and 34 answer tokens."
        assert engine.closed

    def test_is_an_event(self, use: Use, capsys: Output) -> None:
        use(chat=stopped_by(signal.SIGINT))
        assert main.run(["chat", "starter", "Hi", "--json"]) == 130
        out, err = capsys.readouterr()
        last = _lines(out)[-1]
        assert (last["type"], last["finish"], last["answer"]) == ("done", "cancelled", "Par")
        assert err == ""

    def test_while_loading(self, use: Use, capsys: Output) -> None:
        use(load=failing(Interrupted("Stopped.")))
        assert main.run(["chat", "starter", "Hi", "--json"]) == 130
        out, err = capsys.readouterr()
        assert _lines(out) == [{"type": "failed", "kind": "cancelled", "text": "Stopped.", "hint": ""}]
        assert err == "Stopped.\n"

    def test_twice_does_not_wait(self, use: Use, capsys: Output) -> None:
        def stubborn(engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
            os.kill(os.getpid(), signal.SIGINT)
            assert engine.cancelled.wait(10)
            os.kill(os.getpid(), signal.SIGINT)
            yield events.Token(channel="answer", text="never shown", n=1)

        engine = use(chat=stubborn)
        assert main.run(["chat", "starter", "Hi"]) == 130
        out, err = capsys.readouterr()
        assert "never shown" not in out
        assert err.endswith("Stopped.\n")
        assert engine.closed

    def test_handlers_are_given_back(self, use: Use) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        use()
        main.run(["chat", "starter", "Hi"])
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    def test_a_reader_that_went_away_ends_silently(
        self, use: Use, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = use()
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as gone:
            monkeypatch.setattr(sys, "stdout", gone)
            assert main.run(["chat", "starter", "Hi", "--json"]) == 130
        assert capfd.readouterr().err == ""
        assert engine.closed


class TestFailures:
    @pytest.mark.parametrize(
        ("kind", "word", "status"),
        [
            (NotFound, "not_found", 1),
            (WorkerDied, "worker_died", 1),
            (DiskFull, "disk_full", 1),
            (Corrupt, "corrupt", 1),
        ],
    )
    def test_of_the_world(self, kind: type[StillroomError], word: str, status: int, use: Use, capsys: Output) -> None:
        use(chat=fails(kind, "It went wrong.", "Mend it."))
        assert main.run(["chat", "starter", "Hi", "--json"]) == status
        out, err = capsys.readouterr()
        assert _lines(out)[-1] == {"type": "failed", "kind": word, "text": "It went wrong.", "hint": "Mend it."}
        assert err == "It went wrong.\nMend it.\n"

    def test_in_mid_reply_keep_what_was_said(self, use: Use, capsys: Output) -> None:
        said = [events.Token(channel="answer", text="Par", n=1)]
        use(chat=failing(WorkerDied("The engine ended."), said))
        assert main.run(["chat", "starter", "Hi"]) == 1
        out, err = capsys.readouterr()
        assert out == "Par\n"
        assert err.endswith("The engine ended.\n")

    @pytest.mark.parametrize(
        ("error", "kind"), [(OSError(28, "No space left"), "disk_full"), (PermissionError(13, "Denied"), "bad_input")]
    )
    def test_of_the_system_are_no_bug(self, use: Use, capsys: Output, error: OSError, kind: str) -> None:
        use(chat=failing(error))
        assert main.run(["chat", "starter", "Hi", "--json"]) != 0
        assert _lines(capsys.readouterr().out)[-1]["kind"] == kind

    @pytest.mark.bug
    def test_of_ours_are_a_sentence_and_no_traceback(self, use: Use, capsys: Output) -> None:
        use(chat=failing(ZeroDivisionError("division by\nzero")))
        assert main.run(["chat", "starter", "Hi", "--json"]) == 1
        out, err = capsys.readouterr()
        assert _lines(out)[-1]["kind"] == "bug"
        assert err.splitlines() == [
            "Something went wrong in Stillroom itself: ZeroDivisionError: division by zero",
            "The same command with --debug shows where.",
        ]

    @pytest.mark.bug
    @pytest.mark.parametrize("arguments", [["--debug", "chat", "s", "Hi"], ["chat", "s", "Hi", "--debug"]])
    def test_debug_shows_where(
        self, arguments: list[str], use: Use, caplog: pytest.LogCaptureFixture, capsys: Output
    ) -> None:
        use(chat=failing(ZeroDivisionError("division by zero")))
        assert main.run(arguments) == 1
        assert "Traceback" in caplog.text
        use(chat=failing(OSError(5, "fault")))
        assert main.run(arguments) == 1
        assert "Traceback" in capsys.readouterr().err


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ("chta", "No such command 'chta'. Did you mean 'chat'?"),
            ("chat", "Missing argument 'MODEL'."),
            ("chat starter Hi --thnk 3", "No such option: --thnk"),
            ("chat starter Hi --think", "Option '--think' requires an argument."),
            ("chat starter Hi --think -3", 'A thinking budget is off, short, medium, long, unlimited or a whole number of tokens, not "-3".'),
            ("chat starter Hi --think much", 'A thinking budget is off, short, medium, long, unlimited or a whole number of tokens, not "much".'),
            ("chat starter Hi --think 5 --think-min 6", "At least 6 thinking tokens do not fit in a budget of 5."),
            ("chat starter Hi --think-min -1", "Invalid value for '--think-min': "),
            ("chat starter Hi --temperature hot", "Invalid value for '--temperature': "),
            ("chat starter Hi --temperature nan", "Invalid value for '--temperature': "),
            ("chat starter Hi --top-p 2", "Invalid value for '--top-p': "),
            ("chat starter Hi --max-tokens 0", "Invalid value for '--max-tokens': "),
            ("chat starter Hi more words", "Got unexpected extra argument"),
            ("chat starter -", "No prompt came on stdin."),
            ("list --all", "No such option: --all"),
        ],
    )  # fmt: skip
    def test_is_one_sentence(
        self, arguments: str, sentence: str, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = use()
        _type(monkeypatch, " \n")
        command, *others = arguments.split()
        assert main.run([command, "--json", *others]) == 2
        out, err = capsys.readouterr()
        first, *hint = err.splitlines()
        assert first.startswith(sentence)
        assert len(hint) <= 1
        (failed,) = _lines(out)
        assert (failed["type"], failed["kind"], failed["text"]) == ("failed", "bad_input", first)
        assert engine.requests == []

    def test_an_empty_prompt(self, use: Use, capsys: Output) -> None:
        use()
        assert main.run(["chat", "starter", "  "]) == 2
        assert capsys.readouterr().err == "The prompt is empty.\n"


class TestOtherCommands:
    def test_version(self, capsys: Output) -> None:
        assert main.run(["--version"]) == 0
        assert capsys.readouterr().out.startswith("Stillroom 0.")

    def test_help_names_every_command(self, capsys: Output) -> None:
        assert main.run(["--help"]) == 0
        out = capsys.readouterr().out
        assert all(command in out for command in ("doctor", "list", "show", "import", "chat"))

    def test_list(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = events.Model(
            name="[red]half", title="", path="/m", architecture="", family="", params=0, bits=0, size_bytes=5,
            context_limit=0, source="import", created="", state="broken", problem="Its weights are cut short.",
        )  # fmt: skip
        _library(monkeypatch, MODEL, broken)
        assert main.run(["list"]) == 0
        heading, first, second, problem = capsys.readouterr().out.splitlines()
        assert heading.split() == ["Name", "Parameters", "Bits", "Size", "Context", "Source"]
        assert first.split() == ["tiny", "135M", "4.5", "98.4", "MB", "2,048", "tiny.gguf"]
        assert second.split() == ["[red]half", "5", "bytes", "import"]
        assert problem == "[red]half: Its weights are cut short."

    def test_list_of_none(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        _library(monkeypatch)
        assert main.run(["list"]) == 0
        assert capsys.readouterr().out == "No models yet. `stillroom import PATH` takes one in.\n"

    def test_list_for_programs(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        _library(monkeypatch, MODEL)
        assert main.run(["list", "--json"]) == 0
        (done,) = _lines(capsys.readouterr().out)
        assert done["type"] == "done"
        assert [(model["name"], model["params"]) for model in done["models"]] == [("tiny", 134_515_008)]
        assert "record" not in done["models"][0]

    def test_show(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        _library(monkeypatch, MODEL)
        assert main.run(["show", "tiny"]) == 0
        out = capsys.readouterr().out
        assert "134,515,008" in out
        assert "not stated" in out
        assert main.run(["show", "tiny", "--json"]) == 0
        (done,) = _lines(capsys.readouterr().out)
        assert (done["type"], done["name"], done["bits"]) == ("done", "tiny", 4.5)

    def test_show_of_no_model(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        _library(monkeypatch)
        assert main.run(["show", "nix"]) == 1
        assert capsys.readouterr().err.splitlines()[0] == 'There is no model "nix".'

    def test_import(self, use: Use, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def script(_engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
            for done in range(3):
                yield events.Progress(stage="convert", done=done, total=2, unit="layers")
            yield events.Done(result=MODEL)

        engine = use(importing=script)
        monkeypatch.chdir(tmp_path)
        assert main.run(["import", "tiny.gguf", "--name", "tiny"]) == 0
        out, err = capsys.readouterr()
        assert (out, err) == ("", "Converting …\ntiny is in the library: 135M weights, 98.4 MB.\n")
        assert engine.requests == [ImportModel(path=str(tmp_path / "tiny.gguf"), name="tiny")]
        assert main.run(["import", "tiny.gguf", "--json"]) == 0
        lines = _lines(capsys.readouterr().out)
        assert [line["type"] for line in lines] == ["progress"] * 3 + ["done"]
        assert lines[-1]["name"] == "tiny"

    def test_import_that_fails(self, use: Use, capsys: Output) -> None:
        use(importing=fails(Corrupt, "x.gguf is no GGUF file."))
        assert main.run(["import", "x.gguf"]) == 1
        assert capsys.readouterr().err == "x.gguf is no GGUF file.\n"

    def test_doctor(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        found = backend.Backend(mlx="0.32.4", kind="CPU", device="Some CPU", blas="/lib/libopenblas.so.0")
        monkeypatch.setattr(backend, "probe", lambda: found)
        assert main.run(["doctor"]) == 0
        assert "ok   MLX            0.32.4 on CPU (Some CPU)." in capsys.readouterr().out.splitlines()
        assert main.run(["doctor", "--json"]) == 0
        *findings, done = _lines(capsys.readouterr().out)
        assert {finding["type"] for finding in findings} == {"finding"}
        assert done["type"] == "done"
        assert done["findings"] == [
            {key: finding[key] for key in ("name", "state", "text", "hint")} for finding in findings
        ]

    def test_doctor_with_bad_news(self, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> backend.Backend:
            raise WorkerDied("MLX can't be used: no.")

        monkeypatch.setattr(backend, "probe", broken)
        assert main.run(["doctor"]) == 1
        out = capsys.readouterr().out.splitlines()
        place = out.index("bad  MLX            MLX can't be used: no.")
        assert out[place + 1].strip() == "Run `make setup` again."


class TestConversation:
    """Without a terminal: each line of stdin is a prompt or a command."""

    def test_turns_build_on_each_other(self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = use()
        _type(monkeypatch, "One\n\nTwo\n/new\n//three\n")
        assert main.run(["chat", "starter", "--system", "Be brief."]) == 0
        assert capsys.readouterr().out == "Paris.\n" * 3
        first, second, third = (
            [(turn.role, turn.content, turn.thinking) for turn in chat.messages] for chat in engine.chats
        )
        system, reply = ("system", "Be brief.", ""), ("assistant", "Paris.", "Let me see.")
        assert first == [system, ("user", "One", "")]
        assert second == [system, ("user", "One", ""), reply, ("user", "Two", "")]
        assert third == [system, ("user", "/three", "")]

    def test_commands(self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = use()
        _type(monkeypatch, "/think 7\n/system Rhyme.\n/model other\nHi\n/think\n/help\n/quit\nnever\n")
        assert main.run(["chat", "starter"]) == 0
        (chat,) = engine.chats
        assert (chat.model, chat.think, chat.messages[0].content) == ("other", 7, "Rhyme.")
        assert requests.Load(model="other") in engine.requests
        err = capsys.readouterr().err
        assert "Thinking: 7 tokens." in err
        assert "/quit" in err

    def test_goes_on_after_a_mistake(self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
        use()
        _type(monkeypatch, "/thnk 7\n/think -3\nHi\n")
        assert main.run(["chat", "starter"]) == 0
        out, err = capsys.readouterr()
        assert out == "Paris.\n"
        assert "There is no command /thnk." in err
        assert 'not "-3".' in err

    def test_goes_on_after_a_crash_of_the_engine(
        self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def once(engine: FakeEngine, request: Request) -> Iterator[events.Event]:
            if len(engine.chats) == 1:
                raise WorkerDied("The engine ended.")
            yield from paris(engine, request)

        engine = use(chat=once)
        _type(monkeypatch, "Hi\nAgain\n")
        assert main.run(["chat", "starter", "--json"]) == 0
        types_ = [line["type"] for line in _lines(capsys.readouterr().out)]
        assert [kind for kind in types_ if kind in ("done", "failed")] == ["failed", "done"]
        # What was not answered is not part of the conversation.
        assert [turn.content for turn in engine.chats[1].messages] == ["Again"]

    def test_a_model_that_is_not_there_changes_nothing(
        self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_starter(engine: FakeEngine, request: Request) -> Iterator[events.Event]:
            if request != requests.Load(model="starter"):
                raise NotFound("There is no such model.")
            yield from loading(engine, request)

        engine = use(load=only_starter)
        _type(monkeypatch, "/model nix\nHi\n")
        assert main.run(["chat", "starter"]) == 0
        assert engine.chats[0].model == "starter"
        assert "There is no such model." in capsys.readouterr().err

    def test_control_c_stops_the_reply_and_not_the_program(
        self, use: Use, capsys: Output, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = use(chat=stopped_by(signal.SIGINT))
        _type(monkeypatch, "One\nTwo\n")
        assert main.run(["chat", "starter"]) == 0
        assert len(engine.chats) == 2
        assert capsys.readouterr().err.count("Stopped after 12 thinking and 34 answer tokens.") == 2

    def test_sigterm_stops_both(self, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = use(chat=stopped_by(signal.SIGTERM))
        _type(monkeypatch, "One\nTwo\n")
        assert main.run(["chat", "starter"]) == 130
        assert len(engine.chats) == 1


def test_loaded_is_not_an_event_of_chat(use: Use, capsys: Output) -> None:
    use()
    main.run(["chat", "starter", "Hi", "--json"])
    assert f'"weights_bytes":{LOADED.weights_bytes}' not in capsys.readouterr().out

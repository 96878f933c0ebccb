"""What a person sees: live thinking and progress, keys, history, Ctrl-C, in a real terminal and on a recorded one."""

import codecs
import fcntl
import io
import os
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from app.cli import terminal
from models import events
from models.errors import BadInput
from tests.app.fake_engine import MODEL, REPLY

ROOT = Path(__file__).resolve().parents[3]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def _at_a_terminal() -> None:
    """Make stdin the terminal of a new session, where Ctrl-C counts even if whoever started the tests ignores it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Session:
    """A child with a terminal of its own."""

    def __init__(self, arguments: list[str]) -> None:
        self._master, slave = os.openpty()
        self._unread = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.app.at_terminal", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=_at_a_terminal,
        )
        os.close(slave)

    def until(self, text: str) -> str:
        """Read until text is on the screen, and give what was read."""
        while text not in (screen := ESCAPES.sub("", self._unread)):
            assert select.select([self._master], [], [], 20)[0], f"waited for {text!r}, saw {screen!r}"
            try:
                chunk = os.read(self._master, 4096)
            except OSError:  # Linux says so when the other side has closed
                chunk = b""
            assert chunk, f"ended before {text!r}, saw {screen!r}"
            self._unread += self._decoder.decode(chunk)
        read, found, self._unread = screen.partition(text)
        return read + found

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def wait_at_prompt(self) -> None:
        """Wait until the line editor sleeps: a signal between its prompt and its select() is seen at the next key only."""
        self.until("› ")
        child = psutil.Process(self.child.pid)
        asleep = 0
        while asleep < 50:
            asleep = asleep + 1 if child.status() == psutil.STATUS_SLEEPING else 0
            os.sched_yield()

    def ends(self) -> int:
        """Wait for the end and give the exit status."""
        while True:
            try:
                if not os.read(self._master, 4096):
                    break
            except OSError:
                break
        return self.child.wait(20)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self._master)


@pytest.fixture
def session() -> Iterator[type[Session]]:
    opened: list[Session] = []

    class Kept(Session):
        def __init__(self, arguments: list[str]) -> None:
            super().__init__(arguments)
            opened.append(self)

    yield Kept
    for each in opened:
        each.close()


def test_a_conversation(session: type[Session]) -> None:
    talk = session(["chat", "starter", "--think", "short"])
    talk.until("starter · thinking 512 tokens")
    talk.until("› ")
    talk.type("Hi\r")
    live = talk.until("30 of 512 tokens · ")
    # Only the last lines are live: 7 thoughts and the dots.
    assert re.search(r"\rthought 23\r\n(thought \d+\r\n){6}\.+\r\nThinking · 30 of 512 tokens · $", live)
    talk.type("+")
    closed = talk.until("tokens/s")
    # Live it showed the last lines alone; what stays is all of it.
    assert "thought 1\r\n" in closed
    assert "Thought for 1.0 s · 30 of 512 tokens, stopped by you" in closed
    assert "Steered think_longer" in closed
    talk.until("› ")
    talk.type("/think off\r")
    talk.until("Thinking: off.")
    talk.until("› ")
    talk.type("/quit\r")
    assert talk.ends() == 0


def test_enter_asks_for_the_answer_and_is_not_echoed(session: type[Session]) -> None:
    talk = session(["chat", "starter", "Hi", "--think", "short"])
    talk.until("of 512 tokens · ")
    talk.type("x\r")
    assert "x" not in talk.until("Steered answer_now")
    assert talk.ends() == 0


def test_control_c_stops_the_reply_then_twice_leaves(session: type[Session]) -> None:
    talk = session(["chat", "starter", "--think", "short"])
    talk.until("› ")
    talk.type("Hi\r")
    talk.until("of 512 tokens · ")
    talk.type("\x03")
    talk.until("Stopped after 3 thinking and 2 answer tokens.")
    talk.wait_at_prompt()
    talk.type("\x03")
    talk.until("Ctrl-C once more leaves.")
    talk.wait_at_prompt()
    talk.type("\x03")
    assert talk.ends() == 130


def test_control_d_leaves(session: type[Session]) -> None:
    talk = session(["chat", "starter"])
    talk.until("› ")
    talk.type("\x04")
    assert talk.ends() == 0


@pytest.mark.parametrize("place", ["› ", "of 512 tokens · "])
def test_sigterm_leaves_at_once(place: str, session: type[Session]) -> None:
    talk = session(["chat", "starter", "--think", "short"])
    talk.wait_at_prompt()
    if place != "› ":
        talk.type("Hi\r")
        talk.until(place)
    talk.child.send_signal(signal.SIGTERM)
    assert talk.ends() == 130


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> terminal.Screen:
    """A screen that records what a terminal would get."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, markup=False, highlight=False, emoji=False)
    monkeypatch.setattr(terminal, "notices", lambda: console)
    return terminal.Screen()


def _recorded(screen: terminal.Screen) -> str:
    file = screen._console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_progress_is_live_and_leaves_nothing(screen: terminal.Screen) -> None:
    for done in (0, 50, 100):
        screen.show(events.Progress(stage="convert", done=done, total=100, unit="layers"))
    assert "Converting" in ESCAPES.sub("", _recorded(screen))
    screen.finish()
    # The last thing is to erase the bar's line.
    assert _recorded(screen).rstrip().endswith("\x1b[2K")


def test_a_job_of_unknown_length(screen: terminal.Screen) -> None:
    screen.show(events.Progress(stage="odd_stage", done=3, total=0, unit="bytes"))
    screen.finish()
    assert "Odd stage" in ESCAPES.sub("", _recorded(screen))


def test_votes_and_their_tokens_share_a_bar(screen: terminal.Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "REFRESH_S", 0.0)
    for done, total, unit in ((0, 3, "votes"), (1234, 0, "tokens"), (3, 3, "votes")):
        screen.show(events.Progress(stage="votes", done=done, total=total, unit=unit))
    text = ESCAPES.sub("", _recorded(screen))
    assert "Voting · 1,234 tokens" in text
    assert "100%" in text
    screen.finish()


def test_names_are_no_markup(screen: terminal.Screen) -> None:
    screen.failed(BadInput("[red]a\x1b]0;title\x07 :smile:", "[link=x]b"))
    text = ESCAPES.sub("", _recorded(screen))
    assert text == "[red]a␛]0;title␇ :smile:\n[link=x]b\n"


def test_the_end_of_a_reply(screen: terminal.Screen) -> None:
    screen.result(REPLY)
    assert ESCAPES.sub("", _recorded(screen)) == "2 tokens · 20.0 tokens/s · first after 0.2 s\n"


def test_a_model_that_came_in(screen: terminal.Screen) -> None:
    screen.result(MODEL)
    assert "tiny is in the library: 135M weights, 98.4 MB." in ESCAPES.sub("", _recorded(screen))


@pytest.mark.parametrize(("raw", "seen"), [("a\tb\nc", "a\tb\nc"), ("\x1b[1m", "␛[1m"), ("\r\x7f", "␍␡"), ("\x9b\u2066é漢", "\ufffd\ufffdé漢")])  # fmt: skip
def test_visible(raw: str, seen: str) -> None:
    assert terminal.visible(raw) == seen

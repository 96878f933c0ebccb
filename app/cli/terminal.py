"""What the command line shows to people; app/cli/json_lines.py is its counterpart for programs.

The answer goes to stdout and all else (progress, thinking, notes, errors) to stderr, so that
`stillroom chat MODEL PROMPT > file` holds the answer alone. Where stderr is a terminal, progress and thinking are live and
dim; where it is not, they are plain lines without escape codes.
"""

import sys
import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from app.cli import agreement
from models import events, quantities, stages
from models.engine.wire import Request
from models.errors import StillroomError
from models.jobs.request import JobRequest

REFRESH_S = 0.1
LIVE_LINES = 8
STEPS_A_LINE = 10
TENTHS = 10  # lines of work that can't be shown live

# Control characters of a model's text could move the cursor or retitle the window, direction marks reorder a line:
# C0 as control pictures, C1 and the marks as the replacement character.
_VISIBLE = {n: 0x2400 + n for n in range(32) if chr(n) not in "\n\t"} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)

CLOSED = {"budget": ", stopped at the budget", "answer_now": ", stopped by you", "loop": ", stopped in a loop"}


class Screen:
    """Text for people."""

    def __init__(self) -> None:
        self._console = notices()
        self._lively = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live: Progress | Live | None = None
        self._shown_at = 0.0
        self._stage = ""
        self._votes: events.Progress | None = None
        self._drawn = 0
        self._thinking = ""
        self._thinking_tokens = 0
        self._began = 0.0
        self._budget: int | None = None
        self._answer_end = ""
        self._stages: Mapping[str, stages.Stage] = {}
        self._tenth = 0
        self._so_far = ""

    def show(self, event: events.Event) -> None:
        """Show an event; kinds that have nothing to say to people are passed over."""
        match event:
            case events.Progress():
                self._progress(event)
            case events.Note(text=text):
                self._console.print(visible(text), style="yellow")
            case events.Budget(tokens=tokens):
                self._budget = tokens
            case events.Token(channel="thinking"):
                self._think(event)
            case events.Token(text=text):
                self._answer(text)
            case events.ThinkingClosed():
                self._close_thinking(event)
            case events.Step():
                self._step(event)
            case _ if progress := event.progress():
                self._stand(progress, event.so_far())
            case _:
                if line := event.line():
                    self._end_live()
                    self._console.print(visible(line), style="dim")

    def begin(self, request: Request) -> None:
        """Know the stages that a request words for itself."""
        self._stages = request.stages if isinstance(request, JobRequest) else {}

    def finish(self) -> None:
        """End what is live, keep the thinking that was shown, and end the answer's last line."""
        self._end_live()
        self._keep_thinking()
        if self._answer_end not in ("", "\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()
        self._answer_end = ""

    def result(self, record: events.Record) -> None:
        """Say how a call ended."""
        match record:
            case events.Reply():
                for line in agreement.sentences(record):
                    self._console.print(visible(line), style="magenta")
                if text := _ending(record, self._console.is_terminal):
                    self._console.print(text, style="dim")
            case _:
                for line in record.sentences():
                    self._console.print(visible(line))

    def failed(self, error: StillroomError) -> None:
        """Say an error: its sentence, and what to do about it."""
        self._console.print(visible(error.text), style="red")
        if error.hint:
            self._console.print(visible(error.hint), style="dim")

    def _progress(self, event: events.Progress) -> None:
        words = (self._stages.get(event.stage) or stages.of(event.stage)).title
        if event.stage == "votes":
            words, event = self._voting(words, event)
        if event.stage == self._stage and self._so_far.startswith(words):
            words = self._so_far  # what it had come to still stands
        if self._lively:
            self._bar(words, event)
        elif event.stage != self._stage:
            self._console.print(f"{words} …")
        self._stage = event.stage

    def _bar(self, words: str, event: events.Progress) -> None:
        if not isinstance(self._live, Progress) or event.stage != self._stage:
            self._end_live()
            self._live = Progress(
                TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
                console=self._console, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.add_task(words, total=event.total or None)
            self._live.start()
        self._stage = event.stage
        task = self._live.task_ids[0]
        self._live.update(task, completed=event.done, total=event.total or None, description=words)
        self._refresh()

    def _stand(self, event: events.Progress, so_far: str) -> None:
        """A bar with what the work has come to where it can be live; elsewhere a line each tenth of it."""
        title = (self._stages.get(event.stage) or stages.of(event.stage)).title
        self._so_far = f"{title} · {so_far}" if so_far else title
        if self._lively:
            self._bar(self._so_far, event)
            return
        tenth = TENTHS * event.done // max(1, event.total)
        if (event.stage, tenth) != (self._stage, self._tenth):
            self._stage, self._tenth = event.stage, tenth
            seconds = (event.total - event.done) / event.rate if event.rate else 0.0
            left = f" · about {quantities.seconds(seconds)} left" if seconds else ""
            said = f" · {so_far}" if so_far else ""
            self._console.print(f"{event.done:,} of {event.total:,} {event.unit}{said}{left}")

    def _step(self, event: events.Step) -> None:
        """A bar with the last loss where it can be live; elsewhere a line now and then."""
        if self._lively:
            words = f"Training · loss {event.loss:.3f} · {event.tokens_per_s:,.0f} tokens/s"
            self._bar(words, event.progress())
        elif event.step in (1, event.steps) or event.step % STEPS_A_LINE == 0:
            self._console.print(f"step {event.step:,} of {event.steps:,} · loss {event.loss:.3f}")

    def _voting(self, words: str, event: events.Progress) -> tuple[str, events.Progress]:
        """Show two counts on one bar: how many votes have ended, and in its words how many tokens are drawn."""
        if event.unit == "tokens":
            self._drawn = event.done
        else:
            self._votes = event
            self._drawn = self._drawn if event.done else 0
        return (f"{words} · {self._drawn:,} tokens" if self._drawn else words), self._votes or event

    def _think(self, token: events.Token) -> None:
        if not self._thinking:
            self._end_live()
            self._began = time.monotonic()
        self._thinking += token.text
        self._thinking_tokens = token.n
        if not self._lively:
            self._console.print(visible(token.text), end="")
            return
        if self._live is None:
            self._live = Live(
                get_renderable=self._thinking_tail, console=self._console, transient=True, auto_refresh=False,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        self._refresh()

    def _thinking_tail(self) -> Text:
        """The last lines of the thinking, and how long it is."""
        tail = Text(visible(self._thinking[-4000:]).strip("\n"), style="dim")
        lines = list(tail.wrap(self._console, self._console.width))[-LIVE_LINES:]
        limit = "" if self._budget is None else f" of {self._budget:,}"
        spent = quantities.seconds(time.monotonic() - self._began)
        count = Text(f"Thinking · {self._thinking_tokens:,}{limit} tokens · {spent}", style="magenta")
        return Text("\n").join([*lines, count])

    def _close_thinking(self, event: events.ThinkingClosed) -> None:
        self._end_live()
        self._keep_thinking()
        if event.how == "off":
            return
        limit = "" if self._budget is None else f" of {self._budget:,}"
        spent = quantities.seconds(event.seconds)
        text = f"Thought for {spent} · {event.tokens:,}{limit} tokens{CLOSED.get(event.how, '')}"
        self._console.print(text, style="magenta")

    def _keep_thinking(self) -> None:
        """Print the thinking whole where only its tail was live; end its line where it was printed as it came."""
        if self._thinking and self._lively:
            self._console.print(Text(visible(self._thinking).strip("\n")), style="dim")
        elif self._thinking and not self._thinking.endswith("\n"):
            self._console.print()
        self._thinking = ""

    def _answer(self, text: str) -> None:
        self._end_live()
        self._keep_thinking()
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
        self._answer_end = text[-1:] or self._answer_end

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._live is not None and now - self._shown_at >= REFRESH_S:
            self._live.refresh()
            self._shown_at = now

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._shown_at = 0.0


def notices() -> Console:
    """The console of stderr. Nothing printed on it is markup: names and sentences come from outside."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)


def visible(text: str) -> str:
    """Text of a model or a file with its control characters made visible instead of obeyed."""
    return text.translate(_VISIBLE)


def _ending(reply: events.Reply, at_terminal: bool) -> str:
    if reply.finish == "cancelled":
        thinking = f"{reply.thinking_tokens:,} thinking and " if reply.thinking_tokens else ""
        return f"Stopped after {thinking}{reply.answer_tokens:,} answer tokens."
    if reply.finish == "length" and not reply.notes:
        return "The reply ended at the limit of tokens."
    first, rate = quantities.seconds(reply.ttft_s), f"{reply.tokens_per_s:.1f} tokens/s"
    return f"{reply.answer_tokens:,} tokens · {rate} · first after {first}" if at_terminal else ""

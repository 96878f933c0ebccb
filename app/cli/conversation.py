"""A conversation in the terminal: `stillroom chat MODEL` without a prompt."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from app.cli import interrupts
from app.cli.calls import follow
from app.cli.json_lines import Display
from app.cli.terminal import notices, visible
from models import budgets, events, requests
from models.chat_request import conversation
from models.errors import BadInput, StillroomError

if TYPE_CHECKING:
    from models.engine.client import Engine

HELP = """\
/think N        thinking tokens: off, short, medium, long, unlimited or a number
/model NAME     talk to another model
/system TEXT    set the system prompt; without TEXT show it
/new            begin anew
/quit           leave (so do Ctrl-D, and Ctrl-C twice)
While it thinks: Enter for the answer now, + to think longer. Ctrl-C stops a reply.
A message that begins with a slash: write two."""


class Conversation:
    """Reads prompts until the end of input, keeps what was said, and answers through the engine.

    request: the model, budget and sampling to begin with; its messages are replaced. system: "" for none.
    """

    def __init__(self, engine: Engine, request: requests.ChatRequest, system: str, display: Display) -> None:
        self._engine = engine
        self._request = request
        self._system = system
        self._display = display
        self._turns: list[requests.Message] = []
        self._console = notices()
        self._interactive = sys.stdin.isatty()
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/think": self._set_think,
            "/model": self._set_model,
            "/system": self._set_system,
            "/new": self._new,
        }

    def run(self) -> None:
        """Talk until /quit or the end of input. Raises KeyboardInterrupt on a second Ctrl-C or SIGTERM."""
        if self._interactive:
            # Importing it gives input() its line editing and history.
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401
            self._console.print(f"{visible(self._request.model)} · thinking {budgets.describe(self._request.think)}")
            self._console.print("/help lists what you can do, /quit leaves.", style="dim")
        while (line := self._read()) is not None and line != "/quit":
            if line:
                self._obey_or_answer(line)
            if interrupts.terminated.is_set():
                raise KeyboardInterrupt

    def _read(self) -> str | None:
        """The next line, None at the end of input."""
        try:
            return _line(self._interactive)
        except KeyboardInterrupt:
            if not self._interactive:
                raise
        self._console.print("\nCtrl-C once more leaves.", style="dim")
        return _line(self._interactive)

    def _obey_or_answer(self, line: str) -> None:
        """Do what a line asks; an error is said and the conversation goes on."""
        word, _, rest = line.partition(" ")
        try:
            if not word.startswith("/") or word.startswith("//"):
                self._answer(line.removeprefix("/") if word.startswith("//") else line)
            elif word in self._commands:
                self._commands[word](rest.strip())
            else:
                raise BadInput(f"There is no command {word}.", "/help lists them.")
        except StillroomError as error:
            self._display.failed(error)

    def _answer(self, prompt: str) -> None:
        asked = requests.Message(role="user", content=prompt)
        messages = conversation(self._system, [*self._turns, asked])
        request = msgspec.structs.replace(self._request, messages=messages)
        reply = follow(self._engine, request, self._display)
        if isinstance(reply, events.Reply):
            said = requests.Message(role="assistant", content=reply.answer, thinking=reply.thinking)
            self._turns += [asked, said]
            self._display.result(reply)

    def _help(self, _rest: str) -> None:
        self._console.print(HELP)

    def _set_think(self, rest: str) -> None:
        if rest:
            budget = budgets.parse_budget(rest)
            budgets.check_minimum(budget, self._request.think_min)
            self._request = msgspec.structs.replace(self._request, think=budget)
        self._console.print(f"Thinking: {budgets.describe(self._request.think)}.", style="dim")

    def _set_model(self, rest: str) -> None:
        if rest:
            # The adapter was trained on the other model.
            request = msgspec.structs.replace(self._request, model=rest, adapter=None)
            follow(self._engine, requests.Load(model=rest), self._display)
            self._request = request
        self._console.print(f"Model: {visible(self._request.model)}.", style="dim")

    def _set_system(self, rest: str) -> None:
        self._system = rest or self._system
        self._console.print(f"System prompt: {visible(self._system) or 'none'}.", style="dim")

    def _new(self, _rest: str) -> None:
        self._turns = []
        self._console.print("A new conversation.", style="dim")


def _line(interactive: bool) -> str | None:
    if interactive and sys.stdout.isatty():
        try:
            return input("› ").strip()
        except EOFError:
            sys.stdout.write("\n")
            return None
    line = sys.stdin.readline()
    return line.strip() if line else None

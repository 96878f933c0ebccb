"""Ctrl-C, SIGTERM and single keys while a reply or a job is under way in the terminal."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

INTERRUPTED = 130

# Signals belong to the process, and so does the fact that one told it to end.
terminated = threading.Event()


@contextlib.contextmanager
def tidy_on_sigterm() -> Iterator[None]:
    """Inside, SIGTERM unwinds the program as an exit, so that the engine process is ended too."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        terminated.set()
        sys.exit(INTERRUPTED)

    earlier = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


@contextlib.contextmanager
def stopping(cancel: Callable[[], None]) -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM calls cancel, in a thread of its own; the next one raises KeyboardInterrupt."""
    asked = threading.Event()

    def stop(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            terminated.set()
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        # A handler runs in the middle of anything, also of a line that holds the very lock cancel needs.
        threading.Thread(target=cancel, name="cancel", daemon=True).start()

    earlier = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def pressed(on_key: Callable[[str], None]) -> Iterator[None]:
    """Inside, keys typed at the terminal go to on_key, unechoed and on a thread of its own. Elsewhere nothing happens."""
    if not _at_terminal():
        yield
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    ended = threading.Event()
    reader = threading.Thread(target=_read_keys, args=(terminal, on_key, ended), name="keys", daemon=True)
    tty.setcbreak(terminal)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read_keys(terminal: int, on_key: Callable[[str], None], ended: threading.Event) -> None:
    while not ended.is_set():
        readable: list[Any] = select.select([terminal], [], [], 0.05)[0]
        if not readable:
            continue
        typed = os.read(terminal, 64)
        if not typed:
            return
        for key in typed.decode(errors="ignore"):
            on_key(key)


def _at_terminal() -> bool:
    """Whether stdin is a terminal that this process may read: a job in the background would be stopped by trying."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False

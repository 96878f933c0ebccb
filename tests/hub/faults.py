"""What the hub on loopback can be told to do wrong, and to which requests.

hub.inject(Fault("bytes", "cut", after=1_000_000))                  once, after a megabyte of the body
hub.inject(Fault("bytes", "reset", after=500, times=None))          always
hub.inject(Fault("info", "status", status=429, headers={"Retry-After": "20"}))
hub.inject(Fault("info", "change", change=lambda info: {**info, "sha": "../../x"}))
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Place = Literal["search", "info", "tree", "resolve", "bytes"]
Deed = Literal[
    "status",  # answer with `status` and `headers`, nothing of what was asked
    "html",  # answer 200 with a login page
    "half_json",  # cut the JSON in the middle, the length being right
    "change",  # put the JSON through `change`
    "headers",  # add or replace headers by `headers`
    "call",  # call `before`, then answer as usual: to move a branch, to wait, to look
    "stall",  # after `after` bytes of the body say nothing more and keep the connection
    "cut",  # close the connection after `after` bytes
    "reset",  # reset it
    "shorten",  # leave out what comes after `after` bytes of the body, the length saying so
    "chunked",  # the same with no length given: the body just ends
    "lengthen",  # add `after` bytes to the body, the length saying so
    "endless",  # a body without a length that goes on
    "flip",  # turn the bits of the byte at `after` of the file
    "ignore_range",  # answer a Range with 200 and the whole file
    "wrong_range",  # answer a Range with 206 and bytes from elsewhere, the header saying so
    "false_range",  # the same, the header saying what was asked for
]


@dataclass
class Fault:
    """One fault. place: which answers ("bytes" is any that carries a file's body, "resolve" the Hub's about a file).

    path: pattern of the file's or the request's path; times: how often, None for always; skip: how many requests are left
    alone first; ranged: only requests that carry a Range (True) or none (False).
    """

    place: Place
    deed: Deed
    path: str = "*"
    times: int | None = 1
    skip: int = 0
    ranged: bool | None = None
    after: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    change: Callable[[Any], Any] = lambda content: content
    before: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.seen = 0  # times it struck
        self._passed = 0
        self._lock = threading.Lock()

    def strikes(self, place: Place, path: str, ranged: bool) -> bool:
        """Whether a request meets it; counts."""
        if place != self.place or not fnmatchcase(path, self.path) or self.ranged not in (None, ranged):
            return False
        with self._lock:
            if self._passed < self.skip:
                self._passed += 1
                return False
            if self.times is not None and self.seen >= self.times:
                return False
            self.seen += 1
            return True

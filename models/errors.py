"""The error tree: what can go wrong in the world, each with one sentence a person can act on.

    StillroomError          kind        exit status
    ├── BadInput            bad_input   2   a wrong argument, an over-long prompt, a budget that is no number
    ├── NotFound            not_found   1   no such model, file, chat
    ├── Corrupt             corrupt     1   a file that is not what it says, or half of one
    ├── Unsupported         unsupported 1   an architecture, tokenizer or format we do not know
    ├── Unsafe              unsafe      1   a checkpoint that asks for what it may not have
    ├── DiskFull            disk_full   1   no space left
    ├── NoMemory            no_memory   1   does not fit in memory
    ├── Offline             offline     1   the Hub can't be reached
    ├── Denied              denied      1   the Hub asks for a token, or for terms to be accepted
    ├── Newer               newer       1   written by a newer Stillroom
    ├── Busy                busy        1   another process holds it
    ├── Interrupted         cancelled   130 the user stopped it; no face shows this one as an error
    └── WorkerDied          worker_died 1   the engine process ended by itself

An exception of any other class is a bug of ours: it travels as kind `bug`, and its traceback goes to the log.
"""

import errno
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class StillroomError(Exception):
    """An error of the world. `text` is one sentence, `hint` says what to do about it or is empty."""

    kind = "error"
    exit_status = 1

    def __init_subclass__(cls, kind: str, exit_status: int = 1) -> None:
        cls.kind, cls.exit_status = kind, exit_status

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


class BadInput(StillroomError, kind="bad_input", exit_status=2):
    """What was asked for makes no sense as it was asked."""


class NotFound(StillroomError, kind="not_found"):
    """What was named is not there."""


class Corrupt(StillroomError, kind="corrupt"):
    """A file is damaged, cut short, or not what its name says."""


class Unsupported(StillroomError, kind="unsupported"):
    """A well-formed thing of a kind that Stillroom does not know."""


class Unsafe(StillroomError, kind="unsafe"):
    """A checkpoint asks for what no checkpoint may have, such as running code."""


class DiskFull(StillroomError, kind="disk_full"):
    """There is no space left where something had to be written."""


class NoMemory(StillroomError, kind="no_memory"):
    """The work does not fit in this machine's memory."""


class Offline(StillroomError, kind="offline"):
    """The network, or the Hub behind it, can't be reached."""


class Denied(StillroomError, kind="denied"):
    """The Hub gives a repository only to who has a token, or has accepted its terms."""


class Newer(StillroomError, kind="newer"):
    """A file was written by a newer Stillroom and is left untouched."""


class Busy(StillroomError, kind="busy"):
    """Another process is using what only one may use."""


class Interrupted(StillroomError, kind="cancelled", exit_status=130):
    """The user stopped the work. Not an error: faces stay silent."""


class WorkerDied(StillroomError, kind="worker_died"):
    """The engine process ended by itself: a signal, or memory ran out."""


def from_os_error(error: OSError, doing: str, *, writing: bool = False) -> StillroomError:
    """Say an OSError in a sentence. doing: what was under way, as in "reading the model"; writing: it changes the disk."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"There is no space left on the disk for {doing}{where}.", "Free some space and try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        may_not = f"Stillroom may not {'write' if writing else 'read'} there: {doing}{where}."
        return BadInput(may_not, "Check the folder's permissions.")
    if error.errno == errno.ENOENT:
        return NotFound(f"A file is missing: {doing}{where}.")
    return Corrupt(f"The disk reported a fault while {doing}{where}: {error.strerror}.")


@contextmanager
def disk_faults(doing: str, *, writing: bool = False) -> Iterator[None]:
    """Let an OSError of the block rise as from_os_error says it."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing, writing=writing) from error


def bug(error: BaseException, hint: str) -> StillroomError:
    """What is said of an exception that nobody foresaw, after its traceback is in the log. hint: where that is."""
    log.error("a bug: %s", "".join(traceback.format_exception(error)))
    said = " ".join(str(error).split())[:300]
    found = StillroomError(f"Something went wrong in Stillroom itself: {type(error).__name__}: {said}", hint)
    found.kind = "bug"
    return found


def from_kind(kind: str, text: str, hint: str = "") -> StillroomError:
    """The error that a kind names, for one that crossed a process; an unknown kind keeps its name."""
    classes = {cls.kind: cls for cls in StillroomError.__subclasses__()}
    error = classes.get(kind, StillroomError)(text, hint)
    error.kind = kind
    return error

"""The process that runs an answer's Python against tests: a stranger's program, with nothing in reach.

It is run by its path, imports nothing but the standard library, and reads {"code", "tests", "token", ...} on stdin. What
counts is a line with the token on the descriptor it began with: a program that prints, or ends itself, says nothing. Its
limits are the system's (models/answers/confinement.py starts it without network, where it can): processor time, memory,
the size of a file, no other process, writing in its own folder alone. The audit hook says which of them it ran into.
"""

import _posixsubprocess
import builtins
import ctypes
import json
import os
import resource
import sys
from contextlib import suppress
from typing import Any

MOST_SAID = 300  # characters of an error

_WRITING = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "os.setxattr", "os.removexattr", "shutil.rmtree", "shutil.move", "sqlite3.connect",
}  # fmt: skip
_STARTING = (
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
    "os.startfile",
)
_NETWORK = ("socket.", "urllib.Request", "http.client.", "ftplib.", "smtplib.")
_REACHING = ("ctypes.", "os.kill", "os.killpg", "signal.pthread_kill", "sys.addaudithook", "resource.prlimit")
_HIDDEN = {"ctypes", "_ctypes", "_multiprocessing"}


def main() -> None:
    """Run one program."""
    request = json.load(sys.stdin)
    said = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    folder = os.path.realpath(os.getcwd())
    _limit(request["seconds"], request["memory_bytes"], request["file_bytes"])
    with suppress(Exception):  # a system without it, or one that refuses
        _write_below_alone(folder)
    _posixsubprocess.fork_exec = _no_process  # the one way to another process that the hook is not told of
    faults: list[str] = []
    sys.addaudithook(_guard(folder, faults))
    verdict = _run(request["code"], request["tests"], request.get("call", ""))
    if faults and not verdict["passed"]:
        verdict["said"] = faults[0]
    os.write(said, (request["token"] + json.dumps(verdict) + "\n").encode())
    os._exit(0)


def _run(code: str, tests: list[str], call: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "answer", "__builtins__": builtins}
    done = 0
    try:
        exec(compile(code, "<answer>", "exec"), space)
        for test in tests:
            exec(compile(test, "<test>", "exec"), space)
            done += 1
        return {"passed": True, "said": "", "done": done}
    except AssertionError as error:
        return {"passed": False, "said": _short(str(error)) or "the test does not hold", "done": done, "failed": True}
    except MemoryError:
        return {"passed": False, "said": "wanted more memory than it may have", "done": done}
    except BaseException as error:  # a program raises whatever its author wrote, SystemExit too
        return {"passed": False, "said": f"{type(error).__name__}: {_short(str(error))}".rstrip(": "), "done": done}


def _short(text: str) -> str:
    return " ".join(text.split())[:MOST_SAID]


def _limit(seconds: int, memory_bytes: int, file_bytes: int) -> None:
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory_bytes,  # not enforced on a Mac: there the parent looks
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, value in limits.items():
        with suppress(ValueError, OSError):  # a system that does not have or lower this one
            resource.setrlimit(limit, (value, value))


def _guard(folder: str, faults: list[str]) -> Any:
    """An audit hook that forbids what a function needs for no answer."""

    def refuse(said: str) -> None:
        faults.append(said)
        raise PermissionError(said)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = (*arguments, None, None, None)[:3]
            writing = (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)) or (
                isinstance(mode, str) and set(mode) & set("wax+")
            )
            if writing and not isinstance(path, int) and not _is_below(path, folder):
                refuse("tried to write outside its own folder")
        elif event in _WRITING:
            if not all(
                _is_below(path, folder) for path in arguments[:2] if isinstance(path, str | bytes | os.PathLike)
            ):
                refuse("tried to write outside its own folder")
        elif event.startswith(_NETWORK):
            refuse("tried to use the network")
        elif event.startswith(_STARTING):
            refuse("tried to start another process")
        elif event.startswith(_REACHING) or (event == "import" and arguments[0] in _HIDDEN):
            refuse("tried to reach out of its process")

    return hook


def _no_process(*arguments: Any) -> int:
    raise PermissionError("tried to start another process")


def _is_below(path: Any, folder: str) -> bool:
    whole = os.path.realpath(os.path.join(folder, os.fsdecode(path)))
    return whole == os.devnull or whole.startswith(folder + os.sep)


def _write_below_alone(folder: str) -> None:
    """Linux's Landlock: whatever the program calls, nothing is written but in its folder, and no port is reached."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    create, add, restrict = 444, 445, 446  # numbers of the calls, the same on every machine
    version = libc.syscall(create, None, ctypes.c_size_t(0), 1)
    writes = 0b1_1111_1111_0010  # write a file, remove and make files and folders of every kind: those of version 1
    writes |= (1 << 13) * (version >= 2) | (1 << 14) * (version >= 3)  # move between folders, cut a file short
    network = 0b11 * (version >= 4)  # open a port, connect to one
    attributes = writes.to_bytes(8, sys.byteorder) + network.to_bytes(8, sys.byteorder)
    rules = libc.syscall(create, ctypes.c_char_p(attributes), ctypes.c_size_t(16 if network else 8), 0)
    if rules < 0:
        return
    for path in (folder, os.devnull):
        opened = os.open(path, os.O_PATH)
        allowed = writes if path == folder else 0b10  # a file can only be written
        rule = (allowed).to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
        libc.syscall(add, rules, 1, ctypes.c_char_p(rule), 0)
        os.close(opened)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    libc.syscall(restrict, rules, 0)
    os.close(rules)


if __name__ == "__main__":
    main()

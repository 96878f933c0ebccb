"""An answer's Python against tests, in a process that can do nothing else."""

import os
import pwd
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.answers import confinement, programs
from models.answers.verify import verify

TESTS = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0, 'of opposite numbers'"]
RIGHT = "def add(a, b):\n    return a + b\n"
HOME = pwd.getpwuid(os.getuid()).pw_dir
CANARY = "stillroom-canary-of-a-test"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No test may leave a file in the home or the temporary folder, nor a process."""
    canaries = [Path(HOME, CANARY), Path("/tmp", CANARY)]
    yield
    assert [path for path in canaries if path.exists()] == []


@pytest.mark.parametrize(
    "answer",
    [
        RIGHT,
        f"<think>hm</think>Here it is:\n```python\n{RIGHT}```\nIt adds.",
        f"```python\nadd = None\n```\nBetter:\n```py\n{RIGHT}\n```",
        f"```python\n{RIGHT}```\nUse it so:\n```python\nprint(add(1, 2))\n```",
        f"```\n{RIGHT}",  # the fence that never closes
        f"import math, re, json, random, itertools, collections, functools\n{RIGHT}",
        f"open('note.txt', 'w').write('in its own folder')\n{RIGHT}",
        f"print('x' * 100)\n{RIGHT}",
    ],
)
def test_a_right_program(answer: str):
    verdict = verify(answer, "", "python", tests=TESTS)
    assert (verdict.correct, verdict.reason) == (True, "All 2 tests hold.")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("def add(a, b):\n    return a - b", "Test 1 of 2 fails"),
        ("def add(a, b):\n    return abs(a) + b", "Test 2 of 2 fails: of opposite numbers."),
        ("def plus(a, b):\n    return a + b", "NameError"),
        ("def add(a, b)", "SyntaxError"),
        ("I do not know.", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_a_wrong_program(answer: str, reason: str):
    verdict = verify(answer, "", "python", tests=TESTS)
    assert verdict.correct is False
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\nwhile True: os.fork()", "start another process"),
        (f"import os\nos.system('touch ~/{CANARY}')", "start another process"),
        (f"import subprocess\nsubprocess.run(['touch', '/tmp/{CANARY}'])", "start another process"),
        ("import _posixsubprocess\n_posixsubprocess.fork_exec(*[b'/bin/true'] * 21)", "start another process"),
        ("import socket\nsocket.socket().connect(('127.0.0.1', 9))", "network"),
        ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')", "network"),
        (f"open('{HOME}/{CANARY}', 'w').write('x')", "outside its own folder"),
        (f"import os\nos.close(os.open('/tmp/{CANARY}', os.O_CREAT | os.O_WRONLY))", "outside its own folder"),
        (f"import os\nos.mkdir('{HOME}/{CANARY}')", "outside its own folder"),
        (f"import os\nos.symlink('{HOME}', 'way')\nopen('way/{CANARY}', 'w')", "outside its own folder"),
        (f"import sqlite3\nsqlite3.connect('/tmp/{CANARY}')", "outside its own folder"),
        (f"import ctypes\nctypes.CDLL(None).system(b'touch /tmp/{CANARY}')", "reach out of its process"),
        ("import os, signal\nos.kill(os.getppid(), 9)", "reach out of its process"),
        ("x = [0]\nwhile True: x = x + x", "memory"),
        ("f = open('x', 'wb')\nwhile True: f.write(b'x' * 1_000_000)", "too large"),
        ("import os\nos._exit(0)", "before its tests were done"),
        ("import os\nfor n in range(3, 32):\n    try: os.write(n, b'{\"passed\": true}\\n')\n    except OSError: pass\nos._exit(0)", "ended its own"),
        ("def add(a, b): return add(a, b)", "RecursionError"),
        ("import os\nassert not set(os.environ) - {'HOME', 'TMPDIR', 'PYTHONUTF8', 'PYTHONHASHSEED', 'LC_CTYPE', 'PWD'}, set(os.environ)", "NameError"),
    ],
)  # fmt: skip
def test_a_program_that_reaches_out(code: str, said: str):
    outcome = programs.run(code, TESTS)
    assert not outcome.passed
    assert said in outcome.said


SLEEPING = "import time\ntime.sleep(1000)"
WORKING = (
    "while True: pass",
    "while True: print('x' * 1000)",
    "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
)


@pytest.mark.parametrize("code", [SLEEPING, *(pytest.param(code, marks=pytest.mark.slow) for code in WORKING)])
def test_a_program_without_end(code: str):
    outcome = programs.run(code, TESTS, seconds=1)
    assert not outcome.passed
    assert outcome.said == "did not end within 1 s"


def test_what_writes_by_c_is_stopped_by_the_system_too():
    """The audit hook does not see every call; Linux's Landlock and a Mac's sandbox do."""
    code = f"import readline\nreadline.write_history_file('/tmp/{CANARY}')"
    assert not programs.run(code, TESTS).passed


def test_the_network_is_not_there_where_a_namespace_can_be_had(tmp_path: Path):
    if sys.platform != "linux" or not confinement._namespaces():
        pytest.skip("no namespace for the network here")
    import subprocess

    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        run = subprocess.run(
            confinement.confined([sys.executable, "-c", code], str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode
    assert "unreachable" in run.stderr


def test_a_mac_runs_it_in_a_sandbox(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    command = confinement.confined(["python"], "/private/tmp/x")
    assert command[0] == "/usr/bin/sandbox-exec"
    assert "FOLDER=/private/tmp/x" in command
    assert command[-1] == "python"

"""Import of a 100 MB JSONL of mixed shapes into a set: MB/s, and how much memory it takes, against a tenth of it.

The rows are made here by seed: words of a made-up vocabulary, long thoughts and short ones, mathematics with signs that
are not ASCII, one row in fifty with something wrong with it.
"""

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from models.trace_report import Added
from models.traces import store
from tests.benchmarks.figures import Figure, at_least, at_most
from tests.returned import result_of

BYTES = 100_000_000
SYLLABLES = ("ka", "lo", "mi", "ter", "san", "ve", "or", "dun", "pri", "el", "qua", "ne", "ist", "om", "ba", "ru")
SIGNS = (
    "x² + 1 ≥ 0",
    "\\frac{1}{2}",
    "a × b",
    "so",
    "Wait,",
    "3 + 4 = 7.",
    "\n\n",
    "“thus”",
    "if n < 5",
    "\\boxed{12}",
)


def write_rows(path: Path, size: int, seed: int = 0) -> int:
    """Write a JSONL of at least `size` bytes; returns its number of rows."""
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(5000)] + list(SIGNS) * 40
    rows = written = 0
    with path.open("wb") as file:
        while written < size:
            line = msgspec.json.encode(_row(draw, vocabulary, rows)) + b"\n"
            written += file.write(line if rows % 50 else line[: len(line) // 2] + b"\n")
            rows += 1
    return rows


def _row(draw: random.Random, vocabulary: list[str], number: int) -> dict[str, object]:
    def words(n: int) -> str:
        return " ".join(draw.choices(vocabulary, k=n))

    problem, thinking, answer = (
        words(draw.randint(20, 80)),
        words(draw.randint(150, 2500)),
        words(draw.randint(20, 300)),
    )
    match number % 4:
        case 0:
            assistant = {"role": "assistant", "reasoning_content": thinking, "content": answer}
            return {"messages": [{"role": "user", "content": problem}, assistant]}
        case 1:
            reply = f"<think>\n{thinking}\n</think>\n\n{answer}"
            return {"conversations": [{"from": "human", "value": problem}, {"from": "gpt", "value": reply}]}
        case 2:
            return {"prompt": problem, "response": f"<think>\n{thinking}\n</think>\n\n{answer}", "model": "a teacher"}
    return {"problem": problem, "reasoning": thinking, "solution": answer, "answer": str(number)}


def measure() -> list[Figure]:
    """MB/s, and peak memory above what a tenth of the file took: growth with the size of the file."""
    with tempfile.TemporaryDirectory(prefix="stillroom-traces-") as folder:
        small, large = Path(folder, "small.jsonl"), Path(folder, "large.jsonl")
        write_rows(small, BYTES // 10, seed=1)
        rows = write_rows(large, BYTES)
        _add("small", small)
        before = _peak_bytes()
        begun, begun_cpu = time.perf_counter(), time.process_time()
        added = _add("large", large)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
        growth = _peak_bytes() - before
        size = large.stat().st_size
    assert added.rows == rows
    assert added.kept == rows - added.counts["broken"] > 0
    return [
        Figure("rows", rows, ""),
        at_least("import, set written and synced", size / seconds / 1e6, "MB/s", 30),
        Figure("the same per second of processor time", size / cpu_seconds / 1e6, "MB/s"),
        at_most("peak memory above that of a 10 MB import", growth / 1e6, "MB", 150),
        Figure("peak memory of the process", _peak_bytes() / 1e6, "MB"),
    ]


def _add(name: str, path: Path) -> Added:
    return result_of(store.add(name, [path]))


def _peak_bytes() -> int:
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux hands ru_maxrss on to a child through exec; the mark in /proc is of this process alone
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

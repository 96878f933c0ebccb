"""`make bench`: run all benchmarks, or those named, and print a table each.

Each runs in a process of its own with the quick BLAS of the engine process, in a home that is made for the run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from models.library import installed
from models.machine import blas, hardware
from tests.benchmarks import children
from tests.benchmarks.figures import Figure, table

BENCHMARKS = {
    "decode": "tokens/s against mlx_lm.stream_generate, same model, taking turns",
    "pool": "problems a minute drawn side by side, against one at a time and mlx_lm.batch_generate",
    "first_token": "seconds to the first token in a growing chat, with and without reuse of the KV cache",
    "budget": 'a thinking budget against no thinking, and the wait after "answer now"',
    "worker_start": "engine process, from start to first token",
    "finetune": "learned tokens/s, peak memory and held-out loss against mlx_lm.lora's trainer, taking turns",
    "gui_start": "from process start to a usable window, and its memory, against an empty PySide6 window",
    "traces_import": "a 100 MB JSONL of mixed shapes into a set of traces: MB/s and memory",
    "gui_stream": "time between two ticks of a 5 ms timer in the GUI thread, a reply streaming into a long chat",
    "library_list": "milliseconds to list a library of 200 models",
    "download": "bytes a second against huggingface_hub from one server on loopback, taking turns",
    "download_faults": "downloads with every fault of the reliability table, and killed in the middle ten times",
    "mutations": "damaged GGUF and safetensors files: each ends within 10 s with a sentence, and takes no process along",
    "quantize": "time and memory against mlx_lm.convert, a random Llama of 1.3 GB in five shards, taking turns",
    "recipes_kl": "KL, same top token, bits and size of every quantization recipe on the starter",
    "verify": "checks a second of the verifier, exact and by algebra, and the golds of MATH-500 that need none",
    "fit": "memory of a run as foretold by models/library/fit.py and as measured, for several lengths of prompt",
}


def main() -> int:
    """Run what the command line asks for. Returns 1 when a benchmark could not be run; a missed aim is no failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure Stillroom.")
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all when none is given"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    with tempfile.TemporaryDirectory(prefix="stillroom-bench-") as home:
        os.environ["STILLROOM_HOME"] = home
        os.environ["HF_HUB_OFFLINE"] = "1"
        print(_about_this_machine(), flush=True)
        _make_starter()
        results, failed = _run_all(chosen.names or list(BENCHMARKS))
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    return 1 if failed else 0


def _run_all(names: list[str]) -> tuple[dict[str, list[Figure]], list[str]]:
    results: dict[str, list[Figure]] = {}
    failed = []
    for name in names:
        begun = time.monotonic()
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        try:
            answered = children.run("tests.benchmarks.one", name, variables=blas.preload())
        except subprocess.CalledProcessError as error:
            failed.append(name)
            print(f"  could not be run (status {error.returncode})", flush=True)
            continue
        results[name] = msgspec.convert(answered, list[Figure])
        print(table(results[name]))
        print(f"  [{time.monotonic() - begun:.0f} s]", flush=True)
    return results, failed


def _about_this_machine() -> str:
    found = blas.find()
    machine = hardware.machine()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    quick = f", BLAS {found.file.name}" if found else ""
    return f"{machine.chip}, {machine.cores} cores, {machine.platform}, Python {sys.version.split()[0]}{quick}{load}"


def _make_starter() -> None:
    for _ in installed.prepare(installed.STARTER):
        pass


if __name__ == "__main__":
    sys.exit(main())

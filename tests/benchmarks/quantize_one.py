"""Quantizes a checkpoint in a process of its own, ours or mlx-lm's way, for tests.benchmarks.quantize."""

import contextlib
import io
import resource
import sys
import time
from pathlib import Path

from tests.benchmarks import children


def ours(source: Path, name: str, recipe: str) -> None:
    """As `stillroom quantize` does."""
    from models.quant.quantize import quantize

    for _ in quantize(str(source), recipe, name=name, card=False):
        pass


def theirs(source: Path, place: str, recipe: str) -> None:
    """As `mlx_lm.convert` does."""
    from mlx_lm import convert

    how = {"q_bits": 4} if recipe == "4bit" else {"quant_predicate": recipe.replace("-", "_"), "q_group_size": 64}
    with contextlib.redirect_stdout(io.StringIO()):
        convert(str(source), place, quantize=True, **how)


def main() -> None:
    """Take the time from after the imports that both need, and the memory of the whole process."""
    side, source, target, recipe = sys.argv[1:]
    import mlx_lm.utils  # noqa: F401

    begun = time.perf_counter()
    (ours if side == "ours" else theirs)(Path(source), target, recipe)
    seconds = time.perf_counter() - begun
    children.answer_and_end({"seconds": seconds, "peak_bytes": peak_bytes()})


def peak_bytes() -> int:
    """The most memory this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss begins with what the parent had
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()

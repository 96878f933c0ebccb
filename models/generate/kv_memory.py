"""How many tokens the KV caches of a batch may hold: what is free against what a token takes.

A batch is padded to its longest row, so rows cost rows x longest x bytes a token, and as much once more for the moment
in which a row leaves or joins, since the caches are copied then. What a token takes follows from the model's shape
(models/library/fit.py), or is what was measured of the caches where that is more or the shape is not known.

More rows than memory traffic allows bring nothing: a step reads the weights once and every row's cache, so B rows of k
bytes draw B / (W + B k) tokens in the time of a byte. Where their caches are four times the weights, four fifths of all
that can be gained is gained, and what grows is the time of a step and of copying; from there on rows wait.
"""

import mlx.core as mx

from models.checkpoint.shapes import shape_of
from models.errors import StillroomError
from models.generate.load import MEMORY_MARGIN, LoadedModel, read_config, runs_on_cpu
from models.library import fit
from models.machine import hardware

WORTHWHILE = 4  # times the weights
ALWAYS_WORTHWHILE = 16  # rows, however small the model is
COPIES = 2  # a row that leaves or joins has the batch's caches copied


class KvMemory:
    """The memory of a model's KV caches."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._by_shape = _bytes_by_shape(loaded)

    @property
    def bytes_per_token(self) -> int:
        """Bytes of a token in all layers together; 0 where nothing is known yet."""
        return max(self._by_shape, self._loaded.cache.bytes_per_token)

    def fits(self, rows: int, longest: int, held: int) -> bool:
        """Whether so many rows of at most so many tokens fit and pay. held: bytes that the batch takes already."""
        needed = self.needed(rows, longest)
        pays = rows <= ALWAYS_WORTHWHILE or needed <= COPIES * WORTHWHILE * self._loaded.weights_bytes
        return pays and needed <= free_bytes() + held

    def needed(self, rows: int, longest: int) -> int:
        """Bytes that so many rows take at their most."""
        return COPIES * rows * _in_steps(longest) * self.bytes_per_token

    def longest(self, held: int) -> int:
        """The most tokens that a row by itself may have."""
        if not self.bytes_per_token:
            return self._loaded.context_limit
        return max(0, (free_bytes() + held) // (COPIES * self.bytes_per_token) // fit.KV_STEP * fit.KV_STEP)


def free_bytes() -> int:
    """Memory that caches may still take: that of the machine and, where it is less, of its GPU."""
    unused = int(mx.get_cache_memory())  # MLX keeps what was freed, and takes from there first
    here = hardware.available_bytes() + unused
    of_gpu = fit.room_bytes(hardware.machine()) - int(mx.get_active_memory())
    return max(0, min(here, of_gpu) - MEMORY_MARGIN)


def _in_steps(tokens: int) -> int:
    return -(-tokens // fit.KV_STEP) * fit.KV_STEP


def _bytes_by_shape(loaded: LoadedModel) -> int:
    try:
        shape = shape_of(read_config(loaded.path))
    except StillroomError:
        return 0
    return fit.kv_cache_bytes(shape, fit.KV_STEP, 4 if runs_on_cpu() else 2) // fit.KV_STEP

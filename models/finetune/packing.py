"""Several rows end to end in one sequence, each attending to itself alone.

Everything in a transformer but attention looks at one token, so a pack needs no padding there. Attention is computed row
by row: nothing of one row reaches another, and the cost is the sum of the rows' squares, not the square of their sum as
under a block-diagonal mask (which made packing slower than padding when it was measured). Positions run on through a
pack, since rotary embeddings look at differences only.

An architecture that sees positions in another way, or hands something from token to token besides attention, is found
out by running it both ways.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import mlx.core as mx

LEAK = 0.1  # of what reaches a row from its neighbour without all this, the share that is taken for rounding


@contextmanager
def rows_apart(ends: Sequence[int]) -> Iterator[None]:
    """Within it, each row of a pack attends to itself alone. ends: where each row ends; one row or none: as ever.

    Replaces the attention that all of mlx-lm's models call, and gives it back at the end. What is computed for the
    backward pass has to happen within it too.
    """
    whole = mx.fast.scaled_dot_product_attention
    bounds = list(pairwise([0, *ends]))

    def by_row(q: mx.array, k: mx.array, v: mx.array, *, mask: Any = None, **options: Any) -> mx.array:
        """q, k, v: (B, heads, L, D); mask: a word, or an array that ends in (L, L)."""
        if q.shape[2] != ends[-1] or k.shape[2] != ends[-1]:
            return whole(q, k, v, mask=mask, **options)
        parts = []
        for start, end in bounds:
            own = mask[..., start:end, start:end] if isinstance(mask, mx.array) else mask
            parts.append(whole(*(part[:, :, start:end] for part in (q, k, v)), mask=own, **options))
        return mx.concatenate(parts, axis=2)

    try:
        if len(bounds) > 1:
            mx.fast.scaled_dot_product_attention = by_row
        yield
    finally:
        mx.fast.scaled_dot_product_attention = whole


def is_exact(model: Any, probe: Sequence[int]) -> bool:
    """Whether rows of a pack stay apart in a model, and are what they would be alone. probe: token ids to try it with.

    Measured against what reaches the second row when nothing keeps them apart, so that it holds for any precision.
    """
    first, second = list(probe), list(reversed(probe))
    ends = [len(first), len(first) + len(second)]
    pack = mx.array([first + second])
    alone = mx.concatenate([model(mx.array([first])), model(mx.array([second]))], axis=1).astype(mx.float32)
    with rows_apart(ends):
        apart = model(pack).astype(mx.float32)
    mixed = model(pack).astype(mx.float32)
    return bool((mx.abs(apart - alone).max() <= LEAK * mx.abs(mixed - alone).max()).item())

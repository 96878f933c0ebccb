"""Several rows end to end in one sequence, each attending to itself alone.

In a transformer only attention looks at more than one token, so the rest needs no padding and no mask. Attention is
computed row by row: nothing leaks between rows, and the cost is sum(l_i^2) instead of (sum l_i)^2 under a
block-diagonal mask, with which packing was measured to be slower than padding. Positions run on through a pack, since
rotary embeddings depend on differences alone.

An architecture with other positions, or with another path from token to token, is found out by running it both ways.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import mlx.core as mx

LEAK = 0.1  # what may reach a row from its neighbour and be taken for rounding, as a share of what does unseparated


@contextmanager
def rows_apart(ends: Sequence[int]) -> Iterator[None]:
    """Within it, each row of a pack attends to itself alone. ends: where each row ends; with fewer than two rows
    nothing changes.

    Replaces the attention that all of mlx-lm's models call and restores it at the end. The backward pass has to be
    evaluated within it too.
    """
    # every model of mlx-lm reaches attention by this attribute, so one patch serves all architectures
    whole = mx.fast.scaled_dot_product_attention
    bounds = list(pairwise([0, *ends]))  # (start, end) of each row in L

    def by_row(q: mx.array, k: mx.array, v: mx.array, *, mask: Any = None, **options: Any) -> mx.array:
        """q, k, v: (B, heads, L, D); mask: a word, or an array that ends in (L, L)."""
        # another length is not the pack: such a call stays as it is
        if q.shape[2] != ends[-1] or k.shape[2] != ends[-1]:
            return whole(q, k, v, mask=mask, **options)
        parts = []
        for start, end in bounds:
            # "causal" holds for a part as for the whole; an array is cut to the row's own square
            own = mask[..., start:end, start:end] if isinstance(mask, mx.array) else mask
            parts.append(whole(*(part[:, :, start:end] for part in (q, k, v)), mask=own, **options))  # (B, heads, l, D)
        return mx.concatenate(parts, axis=2)  # (B, heads, L, D)

    try:
        if len(bounds) > 1:
            mx.fast.scaled_dot_product_attention = by_row
        yield
    finally:
        mx.fast.scaled_dot_product_attention = whole


def is_exact(model: Any, probe: Sequence[int]) -> bool:
    """Whether packed rows come out of a model as they would alone. probe: token ids to try it with.

    Relative to how much leaks when nothing separates the rows, so that it holds at any precision.
    """
    first, second = list(probe), list(reversed(probe))
    ends = [len(first), len(first) + len(second)]
    pack = mx.array([first + second])  # (1, 2 l)
    # float32 before comparing: the difference of two bfloat16 numbers has no digits left
    alone = mx.concatenate([model(mx.array([first])), model(mx.array([second]))], axis=1).astype(mx.float32)
    with rows_apart(ends):
        apart = model(pack).astype(mx.float32)
    mixed = model(pack).astype(mx.float32)
    return bool((mx.abs(apart - alone).max() <= LEAK * mx.abs(mixed - alone).max()).item())

"""Cross entropy of the learned tokens only, without ever holding the logits of a whole batch.

The logits of one token are V float32, 200 KB with a vocabulary of 49,152, and training holds several copies. Here the
model's body gives hidden states, (B, L, D); those of the N learned positions are gathered, (N, D), and the head runs
over them in chunks. A chunk's gradient with respect to its hidden states is computed while its logits are there, and
kept for the backward pass in their place (the head itself is frozen): one product more than the forward pass, none done
twice. The idea is Liger-Kernel's fused linear cross entropy (arXiv 2410.10989).

An architecture that does something else after its last norm, such as capping its logits, is found out by running it
both ways, and gets the plain loss over whole logits.
"""

from collections.abc import Callable
from typing import Any, cast

import mlx.core as mx
import mlx.nn as nn

from models.finetune.batches import Batch

CHUNK_BYTES = 64 << 20  # of a chunk's logits
Head = Callable[[mx.array], mx.array]
Loss = Callable[[Any, Batch], mx.array]  # sum of the losses of a batch's learned tokens, in nats


def loss_for(model: Any, probe: mx.array) -> Loss:
    """The loss for a model: chunked where it can be. probe: (1, L) token ids to find that out with."""
    head = head_of(model)
    if head is None or not _is_whole_head(model, head, probe):
        return plain_loss
    chunk = _chunk_rows(int(head(model.model(probe)).shape[-1]))

    def chunked_loss(model: Any, batch: Batch) -> mx.array:
        hidden = model.model(batch.inputs)  # (B, L, D)
        learned = hidden.reshape(-1, hidden.shape[-1])[batch.positions]  # (N, D)
        return chunked_cross_entropy(head, learned, batch.targets, chunk)

    return chunked_loss


def plain_loss(model: Any, batch: Batch) -> mx.array:
    """The same loss from the model's whole logits."""
    logits = model(batch.inputs)  # (B, L, V)
    learned = logits.reshape(-1, logits.shape[-1])[batch.positions]  # (N, V)
    return _cross_entropy(learned, batch.targets)


def chunked_cross_entropy(head: Head, hidden: mx.array, targets: mx.array, chunk: int) -> mx.array:
    """Sum of cross entropies of head(hidden), `chunk` rows at a time. hidden: (N, D); targets: (N,).

    Its gradient reaches `hidden` alone: the head's own weights count as frozen.
    """

    def head_loss(hidden: mx.array, targets: mx.array) -> mx.array:
        return _cross_entropy(head(hidden), targets)

    # Two outputs, so that the gradients computed on the way forward reach the backward pass as outputs[1].
    @mx.custom_function
    def total(hidden: mx.array) -> tuple[mx.array, mx.array]:
        losses, gradients = [], []
        before: list[mx.array] = []  # what the chunk before ended in
        for start in range(0, hidden.shape[0], chunk):
            part = hidden[start : start + chunk]  # (chunk, D)
            if before:  # MLX would otherwise run chunks side by side, all their (chunk, V) logits at once
                part = mx.depends([part], before)[0]
            learned = targets[start : start + chunk]
            loss, gradient = mx.value_and_grad(head_loss)(part, learned)  # (), (chunk, D)
            before = [loss, gradient]
            losses.append(loss)
            gradients.append(gradient)
        return mx.stack(losses).sum(), mx.concatenate(gradients)  # (), (N, D)

    @total.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> mx.array:
        # chain rule: the loss's cotangent, a scalar, times (N, D); nothing is computed from outputs[1], so it has none
        gradient: mx.array = cotangents[0] * outputs[1]
        return gradient.astype(outputs[1].dtype)

    return cast(tuple[mx.array, mx.array], total(hidden))[0]


def head_of(model: Any) -> Head | None:
    """The function from hidden states to logits, where the model has the usual parts; else None."""
    inner = getattr(model, "model", None)
    # mlx-lm's models keep no lm_head where the embedding serves as one
    if "lm_head" in model:
        return cast(Head, model.lm_head)
    if inner is not None and "embed_tokens" in inner:
        return cast(Head, inner.embed_tokens.as_linear)
    return None


def _cross_entropy(logits: mx.array, targets: mx.array) -> mx.array:
    # float32: the log-sum-exp over V terms loses digits in half precision
    loss: mx.array = nn.losses.cross_entropy(logits.astype(mx.float32), targets, reduction="sum")
    return loss


def _is_whole_head(model: Any, head: Head, probe: mx.array) -> bool:
    """Whether head(body(probe)) equals the model's own logits."""
    try:
        ours, own = head(model.model(probe)), model(probe)
    except (AttributeError, TypeError, ValueError):
        return False
    return ours.shape == own.shape and bool(mx.allclose(ours, own, rtol=1e-3, atol=1e-3).item())


def _chunk_rows(vocabulary: int) -> int:
    # enough rows for a matrix product to pay, few enough for the logits to stay within CHUNK_BYTES
    return max(16, min(1024, CHUNK_BYTES // (4 * vocabulary)))

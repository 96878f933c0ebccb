"""Packs: rows end to end are learned from as if each were alone, or are not packed at all."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten, tree_map

from models.finetune import batches, losses, memory, packing
from models.finetune.dataset import EncodedRow

VOCABULARY = 60
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "head_dim": 8,
    "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "max_position_embeddings": 512,
    "rope_theta": 10_000.0, "tie_word_embeddings": True,
}  # fmt: skip
WINDOW = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 6}
PACKED = {
    "llama": {}, "llama, a window": {**WINDOW, "model_type": "llama"}, "qwen2": {}, "qwen3": {},
    "smollm3": {"no_rope_layer_interval": 2},
}  # fmt: skip
APART = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "n_ctx": 512, "layer_norm_epsilon": 1e-5},
    "gemma2": {"query_pre_attn_scalar": 8},
    "mamba": {"intermediate_size": 64, "state_size": 8, "conv_kernel": 4, "use_bias": False, "use_conv_bias": True, "time_step_rank": 4},
}  # fmt: skip
PROBE = [7, 3, 9, 1, 5, 8, 2, 40, 11, 30, 12, 6]
ROWS = [
    EncodedRow([(7 * at * at + length) % VOCABULARY for at in range(length)], length // 3) for length in (21, 9, 14, 5)
]


def model_of(architecture: str, changes: dict[str, Any], dtype: mx.Dtype = mx.float32) -> nn.Module:
    """A random model of two layers whose tokens notice each other."""
    module = import_module(f"mlx_lm.models.{architecture.split(',')[0]}")
    arguments = module.ModelArgs.from_dict({**COMMON, "model_type": architecture, **changes})
    mx.random.seed(5)
    model = module.Model(arguments)
    model.update(
        tree_map(lambda array: (array + mx.random.normal(array.shape) * 0.3).astype(dtype), model.parameters())
    )
    return model


def learned(model: nn.Module, batch: batches.Batch, checkpointing: bool = False) -> tuple[float, dict[str, mx.array]]:
    with packing.rows_apart(batch.ends), memory.gradient_checkpointing(model, checkpointing):
        loss, gradients = nn.value_and_grad(model, losses.loss_for(model, mx.array([PROBE])))(model, batch)
        mx.eval(loss, gradients)
    return float(loss.item()), dict(tree_flatten(gradients))


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("architecture", "changes"), PACKED.items(), ids=PACKED)
def test_a_pack_teaches_what_its_rows_teach_alone(
    architecture: str, changes: dict[str, Any], checkpointing: bool
) -> None:
    model = model_of(architecture, changes)
    together = learned(model, batches.pack(ROWS), checkpointing)
    alone = [learned(model, batches.pad([row])) for row in ROWS]
    assert together[0] == pytest.approx(sum(loss for loss, _ in alone), rel=1e-4)
    for name, gradient in together[1].items():
        expected = sum(gradients[name] for _, gradients in alone)
        assert mx.allclose(gradient, expected, rtol=1e-3, atol=1e-3 * float(mx.abs(expected).max())), name


def test_without_it_rows_would_see_each_other() -> None:
    model = model_of("llama", {})
    batch = batches.pack(ROWS)
    loss = losses.plain_loss(model, batch).item()
    with packing.rows_apart(batch.ends):
        assert losses.plain_loss(model, batch).item() != pytest.approx(loss, rel=1e-3)


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16], ids=str)
@pytest.mark.parametrize(("architecture", "changes"), PACKED.items(), ids=PACKED)
def test_usual_architectures_take_packs_in_any_precision(
    architecture: str, changes: dict[str, Any], dtype: mx.Dtype
) -> None:
    assert packing.is_exact(model_of(architecture, changes, dtype), PROBE)


@pytest.mark.parametrize(("architecture", "changes"), APART.items(), ids=APART)
def test_others_are_found_out(architecture: str, changes: dict[str, Any]) -> None:
    """Learned positions, attention of its own, a state that is handed on."""
    assert not packing.is_exact(model_of(architecture, changes), PROBE)


def test_attention_is_given_back() -> None:
    attention: Callable[..., Any] = mx.fast.scaled_dot_product_attention
    replaced: list[bool] = []

    def fail() -> None:
        with packing.rows_apart((3, 7)):
            replaced.append(mx.fast.scaled_dot_product_attention is not attention)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert replaced == [True]
    assert mx.fast.scaled_dot_product_attention is attention


@pytest.mark.parametrize("ends", [(), (7,)])
def test_one_row_is_computed_as_ever(ends: tuple[int, ...]) -> None:
    attention: Callable[..., Any] = mx.fast.scaled_dot_product_attention
    with packing.rows_apart(ends):
        assert mx.fast.scaled_dot_product_attention is attention


def test_half_of_a_pack_that_is_tried_first_is_a_pack_too() -> None:
    model, tried = model_of("llama", {}), []

    def loss(model: nn.Module, batch: batches.Batch) -> mx.array:
        tried.append((batch.inputs.shape, batch.ends))
        return losses.plain_loss(model, batch)

    memory.dry_step(model, loss, batches.pack(ROWS), 1 << 40, checkpointing=False)
    assert tried == [((1, 24), (20, 24)), ((1, 48), (20, 28, 41, 48))]

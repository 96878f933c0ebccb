"""The chunked loss equals the plain one, in value and gradient, and takes less memory."""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from models.finetune import batches, lora, losses
from models.finetune.dataset import encode_all
from models.finetune_config import FinetuneConfig
from tests.models.finetune.lessons import TRAIN, loaded

PROBE = mx.array([[1, 2, 3, 4]])


@pytest.fixture
def model(tmp_path: Path) -> nn.Module:
    model = loaded(tmp_path).model
    lora.attach(model, FinetuneConfig(rank=4, seed=3), quantized=False)
    for name, array in lora.weights_of(model).items():  # lora_b starts at zero, and with it every other gradient
        model.load_weights([(name, mx.random.normal(array.shape) * 0.1)], strict=False)
    return model


def batch(folder: Path) -> batches.Batch:
    return batches.pad(encode_all(TRAIN[:3], loaded(folder), 500).rows)


def gradients(model: nn.Module, loss: losses.Loss, one: batches.Batch) -> tuple[float, dict[str, mx.array]]:
    value, found = nn.value_and_grad(model, loss)(model, one)
    return value.item(), dict(tree_flatten(found))


@pytest.mark.parametrize("chunk_bytes", [1, 64 << 20])
def test_value_and_gradients_equal_the_plain_loss(
    tmp_path: Path, model: nn.Module, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(losses, "CHUNK_BYTES", chunk_bytes)
    one = batch(tmp_path)
    chunked = losses.loss_for(model, PROBE)
    assert chunked is not losses.plain_loss
    ours, plain = gradients(model, chunked, one), gradients(model, losses.plain_loss, one)
    assert ours[0] == pytest.approx(plain[0], rel=1e-5)
    assert ours[1].keys() == plain[1].keys()
    for name, array in plain[1].items():
        assert mx.allclose(ours[1][name], array, rtol=1e-4, atol=1e-5 * one.trained), name


def test_padding_and_prompt_change_nothing(tmp_path: Path, model: nn.Module):
    rows = encode_all(TRAIN[:4], loaded(tmp_path), 500).rows
    loss = losses.loss_for(model, PROBE)
    together = loss(model, batches.pad(rows)).item()
    alone = sum(loss(model, batches.pad([row])).item() for row in rows)
    assert together == pytest.approx(alone, rel=1e-5)


def test_it_is_the_mean_negative_log_probability_of_the_learned_tokens(tmp_path: Path, model: nn.Module):
    row = encode_all(TRAIN[:1], loaded(tmp_path), 500).rows[0]
    logprobs = nn.log_softmax(model(mx.array([row.tokens]))[0], axis=-1)
    by_hand = -sum(logprobs[at - 1, row.tokens[at]].item() for at in range(row.start, len(row.tokens)))
    assert losses.loss_for(model, PROBE)(model, batches.pad([row])).item() == pytest.approx(by_hand, rel=1e-5)


def test_a_model_that_caps_its_logits_takes_them_whole(model: nn.Module):
    class Capped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lm_head = model.model, model.lm_head

        def __call__(self, inputs: mx.array) -> mx.array:
            return 2.0 * mx.tanh(self.lm_head(self.model(inputs)) / 2.0)

    assert losses.loss_for(Capped(), PROBE) is losses.plain_loss


def test_a_model_of_unknown_parts_takes_its_logits_whole():
    class Odd(nn.Module):
        def __call__(self, inputs: mx.array) -> mx.array:
            return mx.zeros((*inputs.shape, 7))

    assert losses.loss_for(Odd(), PROBE) is losses.plain_loss


@pytest.mark.slow
def test_a_large_vocabulary_is_never_there_at_once():
    rows, width, vocabulary = 512, 8, 20_000
    weight = mx.random.normal((vocabulary, width))
    hidden, targets = mx.random.normal((rows, width)), mx.zeros((rows,), mx.int32)
    mx.eval(weight, hidden, targets)

    def peak(chunk: int) -> int:
        mx.clear_cache()
        mx.reset_peak_memory()
        before = mx.get_active_memory()
        loss = lambda hidden: losses.chunked_cross_entropy(lambda h: h @ weight.T, hidden, targets, chunk)  # noqa: E731
        mx.eval(mx.value_and_grad(loss)(hidden))
        return mx.get_peak_memory() - before

    assert peak(32) < peak(rows) / 4

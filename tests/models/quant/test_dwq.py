"""The learned recipe on a random two-layer model: it gets nearer, it can be stopped, it ends as if it had not been."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from models import errors, recipes
from models.events import Event, Note, Progress
from models.generate import load
from models.library import installed
from models.quant import dwq, dwq_targets, quantize
from tests.returned import result_of
from tests.tiny import make_tiny

RECIPE = recipes.parse("dwq-3bit")
TEXTS = [
    f"Note {n}: the keeper trimmed the wick and wrote that the wind had turned to the north. " * 2 for n in range(9)
]
RATE = 1e-3  # the weights of the tiny model are large


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("original") / "original", context=128)


@pytest.fixture
def draft(original: Path, tmp_path: Path) -> Path:
    result_of(quantize.quantize(str(original), "3bit", name="draft", card=False))
    return Path(shutil.copytree(installed.find("draft"), tmp_path / "draft"))


@pytest.fixture(autouse=True)
def _saved_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwq, "SAVED_EVERY", 2)


def learn(draft: Path, original: Path, **options: Any) -> Iterator[Event]:
    arguments = {"steps": 6, "texts": TEXTS, "learning_rate": RATE, **options}
    return dwq.learn(draft, original, RECIPE, draft.parent / "state", **arguments)


def note(events: list[Event]) -> str:
    last = events[-1]
    assert isinstance(last, Note)
    return last.text


def tensors(folder: Path) -> dict[str, mx.array]:
    loaded: Any = mx.load(str(folder / "model.safetensors"))
    mx.eval(loaded)
    return dict(loaded)


def stages(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.stage, event.done) for event in events if isinstance(event, Progress)]


def distance(draft: Path, original: Path) -> float:
    """Mean KL(original || draft) over the whole vocabulary, on text that was not learned from."""
    ids = load.load_tokenizer(draft, load.read_config(draft)).encode(
        "Note 9: the north wind had turned the keeper and wrote that he trimmed the wick."
    )
    p, q = (
        load.load_weights(folder, load.read_config(folder))(mx.array([ids])).astype(mx.float32)
        for folder in (original, draft)
    )
    p, q = p - mx.logsumexp(p, axis=-1, keepdims=True), q - mx.logsumexp(q, axis=-1, keepdims=True)
    return float(mx.mean(mx.sum(mx.exp(p) * (p - q), axis=-1)).item())


def test_the_copy_comes_nearer_to_its_original(draft: Path, original: Path) -> None:
    before, was = tensors(draft), distance(draft, original)
    events = list(learn(draft, original, steps=24))
    said = note(events)
    assert said.startswith("Learned from the original: held-out loss ")
    assert distance(draft, original) < 0.97 * was
    after = tensors(draft)
    assert {name: (a.dtype, a.shape) for name, a in after.items()} == {n: (a.dtype, a.shape) for n, a in before.items()}
    changed = {name.rpartition(".")[2] for name in after if not mx.array_equal(after[name], before[name])}
    assert changed == {"scales", "biases"}
    assert not (draft.parent / "state").exists()
    assert sorted(path.name for path in draft.iterdir() if path.name.startswith(".")) == []


def test_progress_is_by_layer_text_and_step(draft: Path, original: Path) -> None:
    seen = stages(list(learn(draft, original, steps=3)))
    targets = [("targets", n) for n in range(1, 5)]  # three to learn from, one held out
    learned = [("learn", n) for n in range(4)]
    assert seen == [("reference", 0), ("reference", 1), ("reference", 2), *targets, *learned]


@pytest.mark.parametrize("taken", [1, *(pytest.param(step, marks=pytest.mark.slow) for step in (3, 4, 5))])
def test_resumed_it_ends_as_if_it_had_never_stopped(draft: Path, original: Path, tmp_path: Path, taken: int) -> None:
    straight = Path(shutil.copytree(draft, tmp_path / "straight" / "draft"))
    said = note(list(learn(straight, original)))
    stopped = learn(draft, original)
    for event in stopped:
        if isinstance(event, Progress) and (event.stage, event.done) == ("learn", taken):
            break
    stopped.close()  # type: ignore[attr-defined]
    rest = list(learn(draft, original))
    assert stages(rest)[0] == ("learn", taken // 2 * 2)  # the targets are there, and the steps up to the last save
    assert note(rest) == said
    once, twice = tensors(straight), tensors(draft)
    assert once.keys() == twice.keys()
    assert all(mx.array_equal(once[name], twice[name]) for name in once)


@pytest.mark.slow
def test_what_was_learned_of_something_else_is_not_gone_on_with(draft: Path, original: Path) -> None:
    _stop_at(4, learn(draft, original))
    assert stages(list(learn(draft, original, learning_rate=2 * RATE)))[0][0] == "reference"
    _stop_at(4, learn(draft, original))
    assert ("learn", 0) in stages(list(learn(draft, original, seed=1)))


@pytest.mark.parametrize("name", ["targets.safetensors", "learned.safetensors"])
def test_a_damaged_state_is_made_anew(draft: Path, original: Path, name: str) -> None:
    _stop_at(4, learn(draft, original))
    file = draft.parent / "state" / name
    file.write_bytes(file.read_bytes()[:100])
    seen = stages(list(learn(draft, original)))
    assert (("reference", 0) in seen) == (name == "targets.safetensors")
    assert (("learn", 0) in seen) == (name == "learned.safetensors")


def _stop_at(step: int, source: Iterator[Event]) -> None:
    for event in source:
        if isinstance(event, Progress) and (event.stage, event.done) == ("learn", step):
            break
    source.close()  # type: ignore[attr-defined]


def test_what_does_not_help_is_not_kept(draft: Path, original: Path) -> None:
    before = (draft / "model.safetensors").read_bytes()
    said = note(list(learn(draft, original, learning_rate=1.0, steps=2)))
    assert said.startswith("Learning did not help (held-out loss ")
    assert (draft / "model.safetensors").read_bytes() == before


def test_texts_that_are_too_short_are_refused(draft: Path, original: Path) -> None:
    with pytest.raises(errors.BadInput, match="too short"):
        list(learn(draft, original, texts=["Short."]))


def test_a_model_with_nothing_to_learn_is_refused(original: Path, tmp_path: Path) -> None:
    plain = Path(shutil.copytree(original, tmp_path / "plain"))
    with pytest.raises(errors.Unsupported, match="no weights"):
        list(learn(plain, original))


@pytest.mark.parametrize("free", [10**6, 200 * 10**6])
def test_learning_that_does_not_fit_is_refused(
    draft: Path, original: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(dwq.hardware, "available_bytes", lambda: load.MEMORY_MARGIN + free)
    with pytest.raises(errors.NoMemory, match=r"Learning needs .* of memory, .* free"):
        list(learn(draft, original))
    assert not (draft.parent / "state").exists()


def test_each_window_comes_once_an_epoch() -> None:
    first, second = ([dwq._which(epoch * 7 + step, 7, seed=3) for step in range(7)] for epoch in range(2))
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second


def test_the_text_of_our_own_is_enough(draft: Path) -> None:
    texts = [(dwq.paths.resources() / dwq.TEXT).read_text("utf-8")]
    windows = dwq_targets.windows(draft, load.read_config(draft), texts, seed=0, steps=64)
    assert len(windows) > 8
    assert max(map(len, windows)) <= 128  # the context of the tiny model


def test_the_targets_are_the_largest_logits(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwq_targets, "TOP_K", 5)
    ids = [(3 * n) % 200 for n in range(70)]
    source = dwq_targets.targets(original, [ids], tmp_path, "this")
    while True:
        try:
            next(source)
        except StopIteration as end:
            (window,) = end.value
            break
    logits = load.load_weights(original, load.read_config(original))(mx.array([ids]))[0]
    best = mx.argsort(logits, axis=-1)[:, -5:]
    assert mx.array_equal(mx.sort(window.ids, axis=-1), mx.sort(best, axis=-1))
    shifted = mx.take_along_axis(logits, window.ids, axis=-1) - logits.max(axis=-1, keepdims=True)
    assert mx.allclose(window.values.astype(mx.float32), shifted, atol=0.02)


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_the_gradient_is_that_of_the_quantized_product(bits: int) -> None:
    """On the CPU weights are dequantized in the graph; on Metal MLX's quantized product is differentiated."""
    mx.random.seed(0)
    weight, scales, biases = mx.quantize(mx.random.normal((32, 128)), 64, bits)
    x = mx.random.normal((5, 128))

    def quantized(scales: mx.array, biases: mx.array) -> mx.array:
        return mx.sum(mx.quantized_matmul(x, weight, scales, biases, True, 64, bits) ** 2)

    def dequantized(scales: mx.array, biases: mx.array) -> mx.array:
        return mx.sum((x @ mx.dequantize(weight, scales, biases, 64, bits).T) ** 2)

    for ours, theirs in zip(
        mx.grad(dequantized, (0, 1))(scales, biases), mx.grad(quantized, (0, 1))(scales, biases), strict=True
    ):
        assert mx.allclose(ours, theirs, rtol=1e-3, atol=1e-2)

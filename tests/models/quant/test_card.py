"""The card says what a plain computation over whole logits says, and is kept with the model."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx
import msgspec
import numpy as np
import pytest

from models import errors, paths
from models.checkpoint import folders
from models.events import Done, Event, Note, Progress, QuantCard
from models.generate import load
from models.hub import cache
from models.library import installed
from models.quant import card, quantize
from tests.returned import result_of, with_done
from tests.tiny import make_tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "original", context=256)


@pytest.fixture
def copy(original: Path) -> str:
    """The name of its 3-bit copy in the library."""
    result_of(quantize.quantize(str(original), "3bit", name="copy", card=False))
    return "copy"


def result(events: list[Event]) -> QuantCard:
    last = events[-1]
    assert isinstance(last, Done)
    assert isinstance(last.result, QuantCard)
    return last.result


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def logprobs(folder: Path, ids: list[int]) -> np.ndarray:
    model = load.load_weights(folder, load.read_config(folder))
    logits = np.array(model(mx.array([ids]))[0].astype(mx.float32), dtype=np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_the_card_is_what_a_plain_computation_gives(original: Path, copy: str) -> None:
    measured = result_of(card.measure(copy))
    ids = card._encoded(original)
    assert len(ids) == measured.text_tokens == 256
    p, q = logprobs(original, ids), logprobs(installed.find(copy), ids)
    at = np.arange(255)
    assert measured.kl == pytest.approx((np.exp(p) * (p - q)).sum(axis=-1).mean(), rel=1e-4)
    assert measured.same_top == np.mean(p.argmax(axis=-1) == q.argmax(axis=-1))
    assert measured.perplexity == pytest.approx(np.exp(-q[at, ids[1:]].mean()), rel=1e-4)
    assert measured.reference_perplexity == pytest.approx(np.exp(-p[at, ids[1:]].mean()), rel=1e-4)
    assert measured.kl > 0.01
    assert measured.warning == card.warning(measured.same_top, measured.kl)


def test_the_card_tells_the_model_and_stays_with_it(original: Path, copy: str) -> None:
    size_bytes = folders.folder_size(installed.find(copy))
    measured = result_of(card.measure(copy))
    assert (measured.model, measured.reference, measured.recipe) == ("copy", paths.portable(original), "3bit")
    assert 3.5 < measured.bits < 4.5  # with its norms, which stay as they are
    assert measured.size_bytes == size_bytes
    assert measured.tokens_per_s > 0
    weights = sum(array.nbytes for array in mx.load(str(original / "model.safetensors")).values())
    assert measured.peak_bytes >= weights  # in float32 here, as chat runs it
    record = folders.read_record(installed.find(copy))
    assert record is not None
    assert record.card == measured


def test_a_model_is_its_own_equal(original: Path) -> None:
    twin = shutil.copytree(original, original.with_name("twin"))
    before = sorted(twin.iterdir())
    events = list(with_done(card.measure(str(twin), str(original))))
    measured = result(events)
    assert (measured.kl, measured.same_top, measured.warning) == (0.0, 1.0, "")
    assert measured.perplexity == measured.reference_perplexity
    assert sorted(twin.iterdir()) == before  # a folder of somebody else's gets no record


def test_without_the_original_the_rest_is_measured(original: Path, copy: str) -> None:
    shutil.rmtree(original)
    events = list(with_done(card.measure(copy)))
    measured = result(events)
    assert (measured.kl, measured.same_top, measured.reference_perplexity, measured.warning) == (None, None, None, "")
    assert measured.perplexity > 1
    assert notes(events) == [
        f"{installed.title(copy)} was measured by itself: its original, {original}, is not on this disk."
    ]


def test_a_model_of_unknown_origin_is_told_as_such(original: Path) -> None:
    events = list(with_done(card.measure(str(original))))
    assert notes(events) == ["original was measured by itself: it is not known what it was made from."]
    assert result(events).kl is None


def cached(folder: Path, repo: str) -> Path:
    """The folder as a repository of the Hugging Face cache."""
    snapshot = cache.snapshot(repo, COMMIT)
    snapshot.parent.mkdir(parents=True)
    shutil.move(folder, snapshot)
    refs = cache.folder(repo) / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT)
    return snapshot


@pytest.mark.parametrize("revision", ["", COMMIT])
def test_the_original_is_found_in_the_hugging_face_cache(
    original: Path, copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = cached(original, "owner/small")
    folder = installed.find(copy)
    record = folders.read_record(folder)
    assert record is not None
    folders.write_record(
        folder, msgspec.structs.replace(record, original="owner/small", repo="owner/small", revision=revision)
    )
    assert card.original_of(folder) == snapshot
    measured = result_of(card.measure(copy))
    assert measured.reference == "owner/small"
    assert measured.kl is not None
    by_name = result_of(card.measure(copy, reference="owner/small"))
    assert by_name.kl == measured.kl


def test_another_commit_is_not_the_original(
    original: Path, copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    cached(original, "owner/small")
    folder = installed.find(copy)
    record = folders.read_record(folder)
    assert record is not None
    repo, revision = "owner/small", "f" * 40
    folders.write_record(folder, msgspec.structs.replace(record, original=repo, repo=repo, revision=revision))
    assert card.original_of(folder) is None
    assert "its original, owner/small at ffffffffffff, is not" in notes(list(card.measure(copy)))[0]


def test_progress_comes_in_layers_and_tokens(copy: str) -> None:
    steps = [event for event in card.measure(copy) if isinstance(event, Progress)]
    seen: list[tuple[str, str]] = []
    for event in steps:
        assert 0 <= event.done <= event.total
        if seen[-1:] != [(event.stage, event.unit)]:
            seen.append((event.stage, event.unit))
    assert seen == [("reference", "layers"), ("card", "layers"), ("card", "tokens")]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_closing_leaves_nothing_behind(copy: str) -> None:
    before = everything(paths.home())
    length = len(list(_without_record(copy)))
    for taken in (1, 3, length - 2):
        source = card.measure(copy)
        for _ in range(taken):
            next(source)
        source.close()  # type: ignore[attr-defined]
        assert everything(paths.home()) == before


def _without_record(name: str) -> Iterator[Event]:
    """A whole run whose card is taken back."""
    folder = installed.find(name)
    kept = (folder / folders.RECORD).read_bytes()
    yield from card.measure(name)
    (folder / folders.RECORD).write_bytes(kept)


def test_a_reference_of_other_tokens_is_refused(original: Path, copy: str) -> None:
    tokenizer = json.loads((original / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = []
    (original / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(errors.BadInput, match="splits a text into other tokens"):
        list(card.measure(copy))


def test_a_reference_of_a_shorter_context_is_compared_within_it(original: Path, copy: str) -> None:
    shorter = make_tiny(original.with_name("shorter"), context=100)
    assert result_of(card.measure(copy, str(shorter))).text_tokens == 100


def test_a_model_that_does_not_fit_is_refused(copy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MEMORY_MARGIN", 10**15)
    with pytest.raises(errors.NoMemory, match=r"needs .* GB of memory"):
        next(iter(card.measure(copy)))


def test_weights_that_are_no_numbers_are_told(original: Path, copy: str) -> None:
    file = installed.find(copy) / "model.safetensors"
    arrays = dict(mx.load(str(file)))
    arrays["model.norm.weight"] = mx.full(arrays["model.norm.weight"].shape, float("nan"))
    mx.eval(arrays)
    mx.save_safetensors(str(file.with_name("new.safetensors")), arrays, metadata={"format": "mlx"})
    os.replace(file.with_name("new.safetensors"), file)
    with pytest.raises(errors.Corrupt, match="no numbers"):
        list(card.measure(copy))


@pytest.mark.parametrize(
    ("same_top", "kl", "words"),
    [
        (None, None, ""),
        (1.0, 0.0, ""),
        (0.976, 0.002, ""),
        (0.95, 0.05, ""),
        (0.96, 0.2, "Its likeliest words are the original's, but it weighs the others differently."),
        (0.94, 0.05, "One word in 17 differs from the original's."),
        (0.90, 0.1, "One word in ten differs from the original's."),
        (0.80, 0.2, "One word in five differs from the original's."),
        (0.75, 0.3, "One word in four differs from the original's."),
        (0.67, 0.4, "One word in three differs from the original's."),
        (0.5, 1.0, "One word in two differs from the original's."),
        (0.41, 1.6, "One word in two differs from the original's."),
        (0.39, 2.1, "Most words differ from the original's."),
    ],
)
def test_says_in_words_how_much_a_recipe_hurts(same_top: float | None, kl: float | None, words: str) -> None:
    assert card.warning(same_top, kl) == words


def test_the_text_is_not_learned_from() -> None:
    measured = (paths.resources() / card.TEXT).read_text("utf-8")
    learned = (paths.resources() / "calibration_text.md").read_text("utf-8")
    words = measured.split()
    grams = {" ".join(words[i : i + 8]) for i in range(len(words) - 7)}
    assert not [gram for gram in grams if gram in " ".join(learned.split())]

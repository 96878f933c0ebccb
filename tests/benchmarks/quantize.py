"""Time and memory of a quantization against mlx_lm.convert, on a random Llama of more than 1 GB in several shards.

Each runs in a process of its own, taking turns; which of the two goes first changes from round to round. What they
wrote is compared bit by bit at the end. Ours waits until its files are on the disk, mlx-lm does not.
"""

import json
import shutil
import statistics
import tempfile
from pathlib import Path

import mlx.core as mx

from models import paths
from tests import tiny
from tests.benchmarks import children
from tests.benchmarks.figures import Figure, at_least, at_most, median_ratio

HIDDEN, LAYERS, FEED_FORWARD, KV_WIDTH, VOCAB = 2048, 12, 5632, 512, 32_000
RECIPES = {"4bit": 5, "mixed-4-6": 3}  # and how many rounds of each

Run = dict[str, float]


def measure() -> list[Figure]:
    """Run both on one checkpoint, for each recipe."""
    with tempfile.TemporaryDirectory(prefix="stillroom-quantize-") as place:
        source = make_checkpoint(Path(place) / "source")
        size = sum(path.stat().st_size for path in source.glob("*.safetensors"))
        figures = [Figure("checkpoint, bfloat16", size / 1e6, "MB")]
        for recipe, rounds in RECIPES.items():
            figures += _compare(source, Path(place) / "theirs", recipe, rounds)
    return figures


def _compare(source: Path, place: Path, recipe: str, rounds: int) -> list[Figure]:
    runs: dict[str, list[Run]] = {"ours": [], "theirs": []}
    same = 0.0
    for number in range(rounds):
        ours, theirs = paths.models_folder() / "copy", place
        for side in sorted(runs, reverse=bool(number % 2)):
            target = "copy" if side == "ours" else str(place)
            runs[side].append(children.run("tests.benchmarks.quantize_one", side, str(source), target, recipe))
        if number == rounds - 1:
            same = _same(ours, theirs)
        shutil.rmtree(ours)
        shutil.rmtree(theirs)
    seconds, peak = (
        {side: [run[key] for run in done] for side, done in runs.items()} for key in ("seconds", "peak_bytes")
    )
    return [
        *(Figure(f"{recipe}, {side}", statistics.median(seconds[side]), "s") for side in runs),
        *(Figure(f"{recipe}, {side}, peak memory", max(peak[side]) / 1e6, "MB") for side in runs),
        at_most(f"{recipe}, time ratio", median_ratio(seconds["ours"], seconds["theirs"]), "", 1.05),
        at_most(f"{recipe}, memory ratio", median_ratio(peak["ours"], peak["theirs"]), "", 0.6),
        at_least(f"{recipe}, tensors bit for bit the same", same, "of 1", 1),
    ]


def _same(ours: Path, theirs: Path) -> float:
    """The share of tensors, of all that either has, that are the same."""
    left, right = (_tensors(folder) for folder in (ours, theirs))
    names = left.keys() | right.keys()
    return sum(name in left and name in right and _equal(left[name], right[name]) for name in names) / len(names)


def _equal(left: mx.array, right: mx.array) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and bool(mx.array_equal(left, right))


def _tensors(folder: Path) -> dict[str, mx.array]:
    return {name: array for path in folder.glob("model*.safetensors") for name, array in _loaded(path).items()}


def _loaded(path: Path) -> dict[str, mx.array]:
    arrays = mx.load(str(path))
    assert isinstance(arrays, dict), "a safetensors file holds names and arrays"
    return arrays


def make_checkpoint(folder: Path) -> Path:
    """Write a random Llama, a shard for every three layers, with the tokenizer of tests/tiny.py."""
    tiny.make_tiny(folder)
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "intermediate_size": FEED_FORWARD,
        "num_attention_heads": HIDDEN // 64,
        "num_key_value_heads": KV_WIDTH // 64,
        "vocab_size": VOCAB,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))
    ends = {
        "model.embed_tokens.weight": (VOCAB, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        "lm_head.weight": (VOCAB, HIDDEN),
    }
    groups = [ends] + [
        {name: shape for layer in range(first, first + 3) for name, shape in _layer(layer).items()}
        for first in range(0, LAYERS, 3)
    ]
    places: dict[str, str] = {}
    for number, shapes in enumerate(groups, 1):
        name = f"model-{number:05}-of-{len(groups):05}.safetensors"
        weights = {path: (0.02 * mx.random.normal(shape)).astype(mx.bfloat16) for path, shape in shapes.items()}
        mx.save_safetensors(str(folder / name), weights, {"format": "pt"})
        places |= dict.fromkeys(shapes, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


def _layer(layer: int) -> dict[str, tuple[int, ...]]:
    shapes = {
        "input_layernorm": (HIDDEN,),
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (KV_WIDTH, HIDDEN),
        "self_attn.v_proj": (KV_WIDTH, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "post_attention_layernorm": (HIDDEN,),
        "mlp.gate_proj": (FEED_FORWARD, HIDDEN),
        "mlp.up_proj": (FEED_FORWARD, HIDDEN),
        "mlp.down_proj": (HIDDEN, FEED_FORWARD),
    }
    return {f"model.layers.{layer}.{name}.weight": shape for name, shape in shapes.items()}

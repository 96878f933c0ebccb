"""What each quantization recipe costs on the starter: KL to it, same top token, bits a weight and size.

The starter is a 4-bit GGUF unpacked, so requantizing it hurts more than quantizing an original of 16 bits would. The
learned recipe takes fewer steps than by default, so that the benchmark ends in minutes.
"""

import shutil
from pathlib import Path
from typing import TypeVar

from models import paths, recipes
from models.checkpoint import inspection
from models.generate import load
from models.library import installed
from models.quant import card, divergence, dwq, layerwise, quantize
from tests.benchmarks.figures import Figure
from tests.returned import result_of

RECIPES = (
    ("8bit", None), ("mxfp8", None), ("6bit", None), ("5bit", None), ("mixed-4-6", None), ("4bit", 32), ("4bit", None),
    ("nvfp4", None), ("mxfp4", None), ("mixed-3-6", None), ("3bit", None),
)  # fmt: skip
LEARNED_STEPS = 16

T = TypeVar("T")


def measure() -> list[Figure]:
    """Four figures a recipe."""
    starter = installed.find(installed.STARTER)
    ids = card._encoded(starter)
    reference = result_of(layerwise.read(starter, [ids], "reference"))
    figures = []
    for recipe, group_size in RECIPES:
        named = recipes.parse(recipe, group_size)
        folder = _quantized(recipe, group_size)
        figures += _figures(named.title, folder, ids, reference)
    learned = _learned(starter)
    return figures + _figures(f"4-bit learned, {LEARNED_STEPS} steps", learned, ids, reference)


def _quantized(recipe: str, group_size: int | None) -> Path:
    name = f"{recipe}-{group_size}"
    result_of(quantize.quantize(installed.STARTER, recipe, group_size=group_size, name=name, card=False))
    return installed.find(name)


def _learned(starter: Path) -> Path:
    folder = Path(shutil.copytree(installed.find("4bit-None"), paths.models_folder() / "learned"))
    for _ in dwq.learn(folder, starter, recipes.parse("dwq"), paths.home() / "dwq", steps=LEARNED_STEPS):
        pass
    return folder


def _figures(title: str, folder: Path, ids: list[int], reference: layerwise.Hidden) -> list[Figure]:
    loaded = result_of(load.load(title, folder))
    this = result_of(layerwise.run(loaded.model, [ids], "card"))
    found = result_of(divergence.measure(ids, this, reference, "card"))
    assert found.kl is not None, "there is a reference"
    assert found.same_top is not None, "there is a reference"
    facts = inspection.inspect(folder)
    return [
        Figure(f"{title}: KL to the original", found.kl, "nats a token"),
        Figure(f"{title}: same top token", 100 * found.same_top, "%"),
        Figure(f"{title}: bits a weight", facts.bits, "bits"),
        Figure(f"{title}: size", facts.size_bytes / 1e6, "MB"),
    ]

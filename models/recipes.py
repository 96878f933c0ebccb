"""Quantization recipes: what a name such as `mixed-4-6` means, tensor by tensor, and what it costs in bits.

A weight of an affine recipe takes its bits and its share of a 16-bit scale and a 16-bit bias per group: 4 bits in groups
of 64 are 4.5 bits a weight. The floating-point modes carry one 8-bit scale per group and no bias (OCP Microscaling 1.0;
NVFP4). A mixed recipe spends its higher bits where llama.cpp's Q4_K_M does: the output head, and value and down
projections in the first and last eighth of the layers and every third between. A learned recipe begins as its uniform
one and is then trained towards the original (models/quant/dwq.py).
"""

import re
from typing import Literal

import msgspec

from models import errors

Mode = Literal["affine", "mxfp4", "mxfp8", "nvfp4"]

GROUP_SIZES = (32, 64, 128)
DEFAULT_GROUP_SIZE = 64
# Groups and bits that the floating-point modes are defined with.
_FLOATS: dict[str, tuple[int, int]] = {"mxfp4": (32, 4), "mxfp8": (32, 8), "nvfp4": (16, 4)}
_UNIFORM = re.compile(r"([34568])[- ]?bit")
_MIXED = re.compile(r"mixed[-_]([346])[-_]([468])")
_LEARNED = re.compile(r"dwq(?:[-_]([3468])(?:[- ]?bit)?)?")
_LAYER = re.compile(r"\.(\d+)\.")

# In the order in which a menu offers them.
OFFERED = ("4bit", "mixed-4-6", "5bit", "6bit", "8bit", "dwq", "3bit", "mixed-3-6", "mxfp4", "mxfp8", "nvfp4")


def layer_of(path: str) -> int | None:
    """The number of the layer a weight belongs to, as in `model.layers.3.mlp.down_proj`; None outside the layers."""
    found = _LAYER.search(path)
    return int(found[1]) if found else None


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How to quantize."""

    name: str
    mode: Mode
    bits: int  # of most weights
    group_size: int  # weights that share a scale
    high_bits: int = 0  # of the others in a mixed recipe, else 0
    learned: bool = False

    @property
    def title(self) -> str:
        """What a person calls it."""
        if self.learned:
            return f"{self.bits}-bit learned"
        if self.high_bits:
            return f"mixed {self.bits}/{self.high_bits}-bit"
        grouped = "" if self.group_size == DEFAULT_GROUP_SIZE else f", group {self.group_size}"
        return f"{self.bits}-bit{grouped}" if self.mode == "affine" else self.mode

    def bits_at(self, path: str, layers: int) -> int:
        """The bits of one weight. path: its module, as in `model.layers.3.mlp.down_proj`; layers: how many there are."""
        if not self.high_bits:
            return self.bits
        if "lm_head" in path:
            return self.high_bits
        index = layer_of(path) or 0
        eighth = layers // 8
        chosen = index < eighth or index >= 7 * layers // 8 or (index - eighth) % 3 == 2
        wanted = chosen and re.search(r"\b(v_proj|v_a_proj|v_b_proj|down_proj)\b", path)
        return self.high_bits if wanted else self.bits

    def bits_per_weight(self, bits: int | None = None) -> float:
        """Bits of a quantized weight with its share of scale and bias. bits: of this weight, the recipe's when None."""
        overhead = 32 if self.mode == "affine" else 8
        return (self.bits if bits is None else bits) + overhead / self.group_size


def parse(text: str, group_size: int | None = None) -> Recipe:
    """Read a recipe's name: 4bit, mixed-4-6, mxfp4, dwq, dwq-3bit. Raises BadInput for what is none."""
    name = text.strip().lower()
    if name in _FLOATS:
        size, bits = _FLOATS[name]
        if group_size not in (None, size):
            raise errors.BadInput(f"{name} is defined with groups of {size}, not {group_size}.")
        return Recipe(name=name, mode=name, bits=bits, group_size=size)  # type: ignore[arg-type]
    size = DEFAULT_GROUP_SIZE if group_size is None else group_size
    if size not in GROUP_SIZES:
        raise errors.BadInput(f"Groups of {size} can't be quantized.", "The group size is 32, 64 or 128.")
    if found := _UNIFORM.fullmatch(name):
        return Recipe(name=f"{found[1]}bit", mode="affine", bits=int(found[1]), group_size=size)
    if (found := _MIXED.fullmatch(name)) and int(found[1]) < int(found[2]):
        low, high = int(found[1]), int(found[2])
        return Recipe(name=f"mixed-{low}-{high}", mode="affine", bits=low, group_size=size, high_bits=high)
    if found := _LEARNED.fullmatch(name):
        bits = int(found[1] or 4)
        own = "dwq" if bits == 4 else f"dwq-{bits}bit"
        return Recipe(name=own, mode="affine", bits=bits, group_size=size, learned=True)
    raise errors.BadInput(f"{text!r} is no quantization.", f"Choose one of {', '.join(OFFERED)}.")

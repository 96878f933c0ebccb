"""Every number of a run that can be changed, in the groups in which the form shows them.

A field reads and writes plain text. Bounds are not its business: models/finetune_config.py checks the whole.
"""

from dataclasses import dataclass
from typing import Any, Literal

from models.errors import BadInput
from models.finetune_config import FinetuneConfig

Kind = Literal["whole", "number", "percent", "rate", "memory"]
GIB = 2**30
HELD_OUT = "held_out"  # no part of TrainConfig: the request has it


@dataclass(frozen=True)
class Field:
    """A number. key: as in FinetuneConfig; empty: what leaving it empty means, "" when it must not be, and that value."""

    key: str
    title: str
    explained: str
    kind: Kind = "whole"
    unit: str = ""
    empty: str = ""
    empty_value: Any = None

    def said(self, value: Any) -> str:
        """A value as it stands in the field."""
        if self.empty and value == self.empty_value:
            return ""
        if self.kind == "percent":
            return f"{100 * value:.6g} %"
        if self.kind == "memory":
            return f"{value / GIB:.6g} GB"
        if self.kind == "rate":
            mantissa, _, exponent = f"{value:.6e}".partition("e")
            return f"{float(mantissa):g}e{int(exponent)}" if value else "0"
        return f"{value:g}" if self.kind == "number" else f"{value:,}"

    def read(self, text: str) -> Any:
        """The value of what was typed. Raises BadInput."""
        plain = text.strip().replace(",", "").replace("\u00a0", "").removesuffix("%").removesuffix(self.unit).strip()
        if not plain and self.empty:
            return self.empty_value
        try:
            if self.kind == "whole":
                return int(plain)
            value = float(plain)
        except ValueError:
            wanted = "a whole number" if self.kind == "whole" else "a number"
            raise BadInput(f"{self.title} is {wanted}{f', or empty for {self.empty}' if self.empty else ''}.") from None
        if self.kind == "percent":
            return value / 100
        return round(value * GIB) if self.kind == "memory" else value


@dataclass(frozen=True)
class Group:
    """Fields that belong together."""

    title: str
    fields: tuple[Field, ...]


GROUPS = (
    Group("Adapter", (
        Field("rank", "Rank", "How much the adapter can hold: the rank of the product that is added to each weight"),
        Field("scale", "Scale", "By how much that product is multiplied", "number"),
        Field("dropout", "Dropout", "Share of its inputs that are left out at random in each step", "percent", "%"),
        Field("layers", "Blocks", "How many blocks are trained, counted from the last", empty="all", empty_value=-1),
    )),
    Group("Learning", (
        Field("learning_rate", "Learning rate", "The highest; it rises, then falls as a cosine", "rate", empty="the method’s"),
        Field("warmup", "Warm-up", "Share of the steps in which the rate rises", "percent", "%"),
        Field("final_rate", "Last rate", "Where the rate ends, as a share of its highest", "percent", "%"),
        Field("weight_decay", "Weight decay", "How strongly AdamW pulls weights to zero", "number"),
        Field("clip", "Clipping", "The largest norm of a step’s gradient; 0 for no limit", "number"),
        Field("epochs", "Passes", "How often each trace is learned from", "number"),
        Field("steps", "Steps", "Steps of the optimizer, in place of passes", empty="by passes"),
        Field("seed", "Seed", "Decides the order of the traces and all that is random"),
    )),
    Group("Batch and memory", (
        Field("batch_rows", "Traces a step", "Whose gradients make one step"),
        Field("micro_tokens", "Tokens at once", "Of a micro-batch: fewer take less memory"),
        Field("max_tokens", "Longest trace", "Longer ones are left out, never cut", unit="tokens"),
        Field("memory_limit_bytes", "Memory limit", "GB that the run may take", "memory", "GB", empty="what is there"),
    )),
    Group("Looking and saving", (
        Field(HELD_OUT, "Held out", "Share of the problems kept apart for validation", "percent", "%"),
        Field("validate_every", "Validate every", "Steps; 0 for at the end only"),
        Field("checkpoint_every", "Save every", "Steps between checkpoints; 0 for at the end only"),
        Field("keep", "Keep", "Newest checkpoints that stay, besides the best"),
        Field("samples", "Prompts", "Held-out prompts that are answered at each checkpoint"),
        Field("sample_budget", "Their thinking", "The most tokens they may think"),
        Field("sample_tokens", "Their length", "The most tokens of thinking and answer"),
    )),
)  # fmt: skip
FIELDS = {field.key: field for group in GROUPS for field in group.fields}


def value_of(config: FinetuneConfig, held_out: float, key: str) -> Any:
    """What a field shows for some settings."""
    return held_out if key == HELD_OUT else getattr(config, key)

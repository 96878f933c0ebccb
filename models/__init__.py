"""Everything about models, headless: load, think, generate, quantize, fine-tune, and the engine process around them.

Importing this package costs nothing. What a script needs is here by name and brought when it is first used; mlx, mlx_lm
and transformers come with what runs a model. resources/help/b-python.md shows it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models import library as library
    from models.answers.verify import verify
    from models.evaluate.from_task import evaluate_task as evaluate
    from models.events import Token as Token
    from models.finetune.from_set import finetune_on_set as finetune
    from models.finetune_config import FinetuneConfig
    from models.fuse.fuse import fuse
    from models.library.download import fetch as pull
    from models.quant.importing import import_model
    from models.quant.quantize import quantize
    from models.requests import Message, Sampling
    from models.scripting import answer, draw, load, reply, run
    from models.traces.store import add as add_traces

__all__ = [
    "FinetuneConfig", "Message", "Sampling", "Token", "add_traces", "answer", "draw", "evaluate", "finetune", "fuse",
    "import_model", "library", "load", "pull", "quantize", "reply", "run", "verify",
]  # fmt: skip

# Rooms that are called as the verb they are named after stand for themselves (models/verbs.py).
_PLACES = {
    "FinetuneConfig": "models.finetune_config",
    "Message": "models.requests",
    "Sampling": "models.requests",
    "Token": "models.events",
    "add_traces": "models.traces.store:add",
    "answer": "models.scripting",
    "draw": "models.scripting",
    "import_model": "models.quant.importing",
    "load": "models.scripting",
    "pull": "models.library.download:fetch",
    "quantize": "models.quant.quantize",
    "reply": "models.scripting",
    "run": "models.scripting",
    "verify": "models.answers.verify",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _PLACES:
        return import_module(f"models.{name}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Bring a checkpoint into memory, held as this machine runs it best.

Metal: weights stay quantized, everything else takes the checkpoint's compute dtype, so that one float32 norm does not
pull all activations up to float32. CPU: float32 throughout, where matrix products are several times quicker than
4-bit or half precision ones; a quantized layer is dequantized exactly, its scales taken to float32 first.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import mlx.core as mx
import mlx.nn as nn
import psutil
from mlx.utils import tree_flatten
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import _decode_tagged_floats, dequantize_model, load_model
from mlx_lm.utils import load_tokenizer as read_tokenizer

from models import families
from models.checkpoint import folders, model_config, model_files, numbers, safety
from models.errors import Corrupt, NoMemory, NotFound, StillroomError, Unsupported
from models.events import Loaded, Progress
from models.families import Advice, Family, family_of
from models.generate import adapters
from models.generate.calm import hesitations
from models.generate.kv_cache import ConversationCache
from models.generate.template import Render, Style, detect, template_renderer
from models.generate.template_process import TemplateProcess
from models.generate.tokenizer import BoundedTokenizer
from models.quantities import one_line

T = TypeVar("T")

FALLBACK_CONTEXT = 4096  # tokens, when config.json names none
MODEL_FILES, ADAPTER_FILES = "config.json and weights", "configuration and weights"
MEMORY_MARGIN = 512 << 20  # bytes left to the rest of the machine


@dataclass(frozen=True)
class Prompting:
    """What makes a conversation a model's prompt."""

    tokenizer: Any  # mlx-lm's TokenizerWrapper
    style: Style
    render: Render
    context_limit: int


@dataclass
class LoadedModel:
    """A model in memory with all that a reply needs. The thread that loads it also runs and frees it."""

    name: str
    path: Path
    adapter: str | None  # its folder, None without one
    model: nn.Module
    tokenizer: Any  # mlx-lm's TokenizerWrapper
    style: Style
    render: Render
    sampling: Advice
    context_limit: int
    weights_bytes: int
    seconds: float
    cache: ConversationCache = field(init=False)
    _changed: adapters.Attached = field(default_factory=adapters.Attached)
    _attached: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        self.cache = ConversationCache(self.model)

    @cached_property
    def hesitations(self) -> list[int]:
        """The tokens that are made less likely in calm thinking."""
        return hesitations(self.tokenizer)

    def has_adapter(self, adapter: str | None) -> bool:
        """Whether exactly this adapter is attached, by file and time; None asks for the base alone."""
        return self._attached == _identity(adapter)

    def set_adapter(self, adapter: str | None) -> None:
        """Replace the adapter without reading the base again. Raises NoMemory and what adapters.attach raises.

        On an error the base is left without an adapter. The KV cache belongs to the model before and is cleared.
        """
        adapters.detach(self.model, self._changed)
        self._changed, self.adapter, self._attached = adapters.Attached(), None, None
        try:
            if adapter is not None:
                identity, weights = _identity(adapter), Path(adapter) / model_files.ADAPTER_WEIGHTS
                needed = weights.stat().st_size if weights.exists() else 0
                # half precision becomes float32 on a CPU
                _check_free(f"The adapter {Path(adapter).name}", needed * (2 if runs_on_cpu() else 1))
                changed = self._changed = adapters.attach(self.model, Path(adapter))
                try:
                    translate_errors(Path(adapter).name, ADAPTER_FILES, lambda: run_once(self.model))
                except BaseException:
                    adapters.detach(self.model, changed)
                    self._changed = adapters.Attached()
                    raise
                self.adapter, self._attached = adapter, identity
        finally:
            self.weights_bytes = weights_bytes(self.model)
            self.cache = ConversationCache(self.model)

    def record(self) -> Loaded:
        """Describe the model for a face."""
        family = self.style.family
        thinks = families.thinks(family.id, self.adapter is not None)
        untrained = f"{self.name} was not trained to think: Stillroom opens its thinking and closes it at the budget."
        return Loaded(
            model=self.name,
            family=family.id,
            thinks=thinks,
            note="" if thinks else untrained,
            weights_bytes=self.weights_bytes,
            context_limit=self.context_limit,
            seconds=self.seconds,
        )


def load(name: str, path: Path, adapter: str | None = None) -> Generator[Progress, None, LoadedModel]:
    """Load a checkpoint folder, running none of its own code. Raises NotFound, Corrupt, Unsupported, Unsafe, NoMemory."""
    safety.check(path)  # MLX hangs on or dies of some damaged headers, and says others in words of its own
    if adapter is not None:
        safety.check_adapter(Path(adapter))
    templates = TemplateProcess(name)  # it starts while the weights are read
    try:
        return (yield from _load(name, path, adapter, templates))
    except BaseException:
        templates.close()
        raise


def _load(
    name: str, path: Path, adapter: str | None, templates: TemplateProcess
) -> Generator[Progress, None, LoadedModel]:
    begun = time.perf_counter()
    config = read_config(path)
    total = weights_on_disk(path)
    check_memory(name, total, config)
    yield Progress(stage="load", done=0, total=total, unit="bytes")
    model = translate_errors(name, MODEL_FILES, lambda: load_weights(path, config))
    yield Progress(stage="load", done=total, total=total, unit="bytes")
    translate_errors(name, MODEL_FILES, lambda: run_once(model))
    prompting = _prompting(name, path, config, templates)
    loaded = LoadedModel(
        name=name,
        path=path,
        adapter=None,
        model=model,
        tokenizer=prompting.tokenizer,
        style=prompting.style,
        render=prompting.render,
        sampling=_advised_sampling(path, prompting.style.family.sampling),
        context_limit=prompting.context_limit,
        weights_bytes=weights_bytes(model),
        seconds=0.0,
    )
    if adapter is not None:
        loaded.set_adapter(adapter)
    loaded.seconds = time.perf_counter() - begun
    return loaded


@contextmanager
def prompting(name: str, path: Path) -> Iterator[Prompting]:
    """How a model is prompted, without its weights. Raises as load."""
    safety.check(path)
    templates = TemplateProcess(name)
    try:
        yield _prompting(name, path, read_config(path), templates)
    finally:
        templates.close()


def _prompting(name: str, path: Path, config: dict[str, Any], templates: TemplateProcess) -> Prompting:
    tokenizer = translate_errors(name, "tokenizer files", lambda: load_tokenizer(path, config))
    render = translate_errors(name, "tokenizer files", lambda: template_renderer(tokenizer, templates))
    family = _family(name, path, config["model_type"], tokenizer)
    return Prompting(tokenizer, detect(family, render), render, context_limit(config))


def _family(name: str, path: Path, architecture: str, tokenizer: Any) -> Family:
    template = getattr(tokenizer, "chat_template", None)
    record = None
    with suppress(Corrupt):  # a record that can't be read costs what it says, not the model
        record = folders.read_record(path)
    return family_of(
        f"{name} {record.title}" if record else name,
        architecture,
        template if isinstance(template, str) else "",
        tokenizer.get_vocab(),
        record.family if record else "",
    )


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that a checkpoint's model is built from. Raises NotFound, Corrupt or Unsupported."""
    config = model_config.read(path)
    if not isinstance(config.get("model_type"), str):
        raise Corrupt(f"{path / 'config.json'} does not name a model type.")
    return config


def weights_on_disk(path: Path) -> int:
    """Bytes of the files of a model's weights. Raises as model_files.weight_files."""
    return sum(file.stat().st_size for file in model_files.weight_files(path))


def context_limit(config: dict[str, Any]) -> int:
    """The model's context length in tokens, prompt and reply together."""
    return model_config.context_length(config) or FALLBACK_CONTEXT


def check_memory(name: str, bytes_on_disk: int, config: dict[str, Any]) -> None:
    """Refuse what can't fit, with the numbers, before anything is read. Raises NoMemory."""
    _check_free(name, bytes_on_disk * (_growth_on_cpu(config) if runs_on_cpu() else 1))


def _check_free(name: str, needed: float) -> None:
    free = psutil.virtual_memory().available - MEMORY_MARGIN
    if needed > free:
        text = f"{name} needs {needed / 1e9:.1f} GB of memory, {max(0, free) / 1e9:.1f} GB are free."
        raise NoMemory(text, "Close other programs, or take a smaller or more strongly quantized model.")


def runs_on_cpu() -> bool:
    """Whether MLX computes on the CPU here, where all is float32."""
    return mx.default_device() == mx.Device(mx.cpu)


def _growth_on_cpu(config: dict[str, Any]) -> float:
    quantization = config.get("quantization")
    if isinstance(quantization, dict) and isinstance(bits := quantization.get("bits"), int):
        return 32 / (bits + 1)  # scales and biases add about a bit
    return 1.0 if config.get("torch_dtype", config.get("dtype")) == "float32" else 2.0


def _identity(adapter: str | None) -> tuple[str, int] | None:
    """What distinguishes an adapter from a later one of the same name."""
    if adapter is None:
        return None
    weights = Path(adapter) / model_files.ADAPTER_WEIGHTS
    return adapter, weights.stat().st_mtime_ns if weights.exists() else 0


def weights_bytes(model: nn.Module) -> int:
    """Bytes of a model's weights in memory."""
    return sum(array.nbytes for _, array in tree_flatten(model.parameters()))


def check_weights(title: str, weights: Mapping[str, mx.array]) -> None:
    """Raise Corrupt for the first weight that holds what is no number: for where a model's results are none."""
    for name, array in weights.items():
        if mx.issubdtype(array.dtype, mx.floating) and not mx.isfinite(array).all().item():
            raise numbers.no_number(title, name)


def load_weights(path: Path, config: dict[str, Any]) -> nn.Module:
    """The model of a checked folder, its weights read. config: its config.json. Raises what mlx-lm does."""
    with model_files.for_mlx_lm(path) as place:
        model = model_of(place, config)
        mx.eval(model.parameters())
    return model


def run_once(model: nn.Module) -> None:
    """Run two tokens and another one: much that is wrong in a configuration shows only then, in mlx-lm's own words."""
    layers = make_prompt_cache(model)
    for tokens in ([[0, 0]], [[0]]):
        mx.eval(model(mx.array(tokens), cache=layers))


def model_of(path: Path, config: dict[str, Any]) -> nn.Module:
    """The same model with lazy weights: each is read when it is first needed. path: of model_files.for_mlx_lm."""
    model = stored_model(path, config)
    if runs_on_cpu():
        to_float32(model)
    else:
        to_compute_dtype(model, config)
    model.eval()
    return model


def stored_model(path: Path, config: dict[str, Any]) -> nn.Module:
    """The same model as its files hold it, nothing cast."""
    model, _ = load_model(path, lazy=True, trust_remote_code=False, model_config=_decode_tagged_floats(config))
    model_config.compare(config, getattr(model, "args", None), path.name)
    return model


def to_float32(model: nn.Module) -> None:
    """Dequantize a model and cast all of it to float32."""
    for _, module in model.named_modules():
        if getattr(module, "mode", None) == "affine" and "scales" in module:
            module.scales = module.scales.astype(mx.float32)
            module.biases = module.biases.astype(mx.float32)
    dequantize_model(model)
    model.set_dtype(mx.float32)


def to_compute_dtype(model: nn.Module, config: dict[str, Any]) -> None:
    """Cast everything that is not quantized to the dtype that config.json names."""
    stated = config.get("torch_dtype", config.get("dtype"))
    if stated in ("float16", "bfloat16"):
        model.set_dtype(getattr(mx, stated))


def load_tokenizer(path: Path, config: dict[str, Any]) -> Any:
    """The tokenizer of a checked folder, as mlx-lm wraps it."""
    # Without the explicit False transformers asks on stdin whether it may run the repository's Python.
    wrapped = read_tokenizer(path, {"trust_remote_code": False}, eos_token_ids=config.get("eos_token_id"))
    return BoundedTokenizer(wrapped, path.name)


def _advised_sampling(path: Path, family: Advice) -> Advice:
    """Sampling by the checkpoint's generation_config.json, and by its family's advice where that is silent."""
    try:
        stated = model_files.read_optional(path, "generation_config.json")
    except (OSError, StillroomError):
        return family

    def number(key: str, low: float, high: float, otherwise: float) -> float:
        value = stated.get(key)
        usable = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return float(value) if usable else otherwise  # type: ignore[arg-type]

    return Advice(
        temperature=number("temperature", 0, 5, family.temperature),
        top_p=number("top_p", 0, 1, family.top_p),
        top_k=int(number("top_k", 0, 1 << 20, family.top_k)),
        min_p=number("min_p", 0, 1, family.min_p),
    )


def translate_errors(name: str, part: str, work: Callable[[], T]) -> T:
    """Run a step of mlx-lm or transformers and turn its many exceptions into ours. part: what it reads."""
    try:
        return work()
    except (StillroomError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except FileNotFoundError as error:
        raise NotFound(f"{name} is incomplete: {one_line(error)}.") from error
    except ValueError as error:
        if "not supported" in str(error) or "trust_remote_code" in str(error):
            raise Unsupported(f"{name} can't be run: {one_line(error)}.") from error
        raise Corrupt(f"{name} can't be loaded: {one_line(error)}.") from error
    except BaseException as error:  # a panic in the tokenizers library is no Exception
        fault = f"{type(error).__name__}: {one_line(error)}"
        text = f"{name} can't be loaded: its {part} hold something unexpected ({fault})."
        raise Corrupt(text, "Download or copy it again.") from error

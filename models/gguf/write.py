"""A checkpoint as one GGUF file that llama.cpp and everything built on it run.

What sets an architecture apart stands in models/architectures.py, names and shapes of the tensors in
models/gguf/tensors.py, for reading and for writing. As llama.cpp's own converter has it, the rows of each head of a
Llama's q and k are interleaved (models/gguf/weights.py says why), vectors stay float32, and Llama 3's stretched context
is a tensor of factors. The header is the gguf package's; the weights follow it in blocks of rows, so that memory holds
a block and not the model. Only a worker imports this.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import gguf
import mlx.core as mx
import numpy as np
import numpy.typing as npt

from models import errors
from models.architectures import ARCHITECTURES, SIZE_KEYS, gguf_names, gguf_of
from models.checkpoint import folders, numbers
from models.checkpoint.weight_blocks import blocks, little_cache
from models.checkpoint.weight_stream import Weight, WeightSource
from models.gguf import vocabulary
from models.gguf.tensors import META_ROPE, ROPE_FACTORS, llama3_factors, tensor_table

Kind = Literal["F16", "Q8_0"]
Floats = npt.NDArray[np.float32]
_OWN_YARN = ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim")


@dataclass(frozen=True)
class About:
    """What a file says of itself, empty where not known."""

    name: str
    licence: str = ""
    base: str = ""  # what it was made from
    repo: str = ""  # of that, on the Hub


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    kind: gguf.GGMLQuantizationType
    chunks: Callable[[], Iterator[npt.NDArray[Any]]]

    @property
    def size(self) -> int:
        block, block_bytes = gguf.GGML_QUANT_SIZES[self.kind]
        return int(math.prod(self.shape) // block * block_bytes)


@dataclass
class GGUFFile:
    """A GGUF file to be written from a source, once. Raises Unsupported when GGUF or llama.cpp can't express the model."""

    source: WeightSource
    tokenizer: Any  # mlx-lm's TokenizerWrapper
    kind: Kind  # of its matrices
    about: About

    def __post_init__(self) -> None:
        self._settings = _settings(self.source)
        self._tensors = self._planned()
        self._header(None)  # what can't be said is found out before anything is written

    @property
    def data_bytes(self) -> int:
        return sum(tensor.size for tensor in self._tensors)

    def write(self, path: Path) -> Iterator[int]:
        """Write the file and wait until it is on the disk; yields the bytes of each piece."""
        writer = self._header(path)
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
        finally:
            writer.close()
        with path.open("ab") as file, little_cache():
            _pad(file.write, file.tell())
            for tensor in self._tensors:
                written = 0
                for chunk in tensor.chunks():
                    file.write(chunk.data)
                    written += chunk.nbytes
                    yield chunk.nbytes
                assert written == tensor.size, tensor.name
                _pad(file.write, written)
        folders.sync(path)

    def _header(self, path: Path | None) -> gguf.GGUFWriter:
        writer = gguf.GGUFWriter(path, self._settings["model_type"])
        _add_general(writer, self.about, self.kind)
        _add_architecture(writer, self._settings)
        vocabulary.add(writer, self.tokenizer, self._settings["vocab_size"])
        for tensor in self._tensors:
            writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), tensor.size, raw_dtype=tensor.kind)
        return writer

    def _planned(self) -> list[_Tensor]:
        table = tensor_table(self._settings)
        weights = self.source.weights
        if {path for path, _, _ in table.values()} != weights.keys():
            raise errors.Unsupported("The model has other weights than GGUF has names for.")
        tensors: list[_Tensor] = []
        if (factors := _llama3_factors(self._settings)) is not None:
            kind = gguf.GGMLQuantizationType.F32
            tensors.append(_Tensor(ROPE_FACTORS, factors.shape, kind, lambda: iter([factors])))
        for name, (path, shape, rotary_heads) in table.items():
            if weights[path].shape != shape:
                raise errors.Unsupported(f"The model has a weight of another shape than GGUF knows: {path}.")
            tensors.append(_Tensor(name, shape, self._kind(shape), self._chunks(path, shape, rotary_heads)))
        return tensors

    def _kind(self, shape: tuple[int, ...]) -> gguf.GGMLQuantizationType:
        if len(shape) == 1:
            return gguf.GGMLQuantizationType.F32
        kind = gguf.GGMLQuantizationType[self.kind]
        fits = shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0
        return kind if fits else gguf.GGMLQuantizationType.F16

    def _chunks(self, path: str, shape: tuple[int, ...], rotary_heads: int) -> Callable[[], Iterator[npt.NDArray[Any]]]:
        kind = self._kind(shape)
        head_rows = shape[0] // rotary_heads if rotary_heads else 1

        def chunks() -> Iterator[npt.NDArray[Any]]:
            weight = self.source.weights.pop(path)
            for rows in _float_rows(weight, head_rows):
                rows = _interleaved(rows, head_rows) if rotary_heads else rows
                yield _stored(self.about.name, path, rows, kind)

        return chunks


def _float_rows(weight: Weight, unit: int) -> Iterator[Floats]:
    for block in blocks(weight, unit if len(weight.shape) > 1 else 1):
        # bfloat16 is no type of numpy's; a vector becomes a column, so that its numbers are rows
        yield np.array(block.astype(mx.float32)).reshape(-1, weight.columns if len(weight.shape) > 1 else 1)


def _interleaved(rows: Floats, head_rows: int) -> Floats:
    """The rows of whole heads as llama.cpp's rotary embedding turns them. (heads * head_dim, columns)"""
    halves = rows.reshape(-1, 2, head_rows // 2, rows.shape[-1])  # (heads, 2, head_dim / 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def _stored(title: str, name: str, rows: Floats, kind: gguf.GGMLQuantizationType) -> npt.NDArray[Any]:
    if not np.isfinite(rows).all():
        raise numbers.no_number(title, name)
    with np.errstate(over="ignore"):  # an overflow is told below
        stored = gguf.quantize(rows, kind)
        half = rows.astype(np.float16) if kind != gguf.GGMLQuantizationType.F32 else rows
    if not np.isfinite(half).all():
        raise numbers.too_large(title, name, "float16")
    return np.ascontiguousarray(stored)


def _pad(write: Callable[[bytes], object], at: int) -> None:
    write(bytes(gguf.GGUFWriter.ggml_pad(at, gguf.GGUF_DEFAULT_ALIGNMENT) - at))


def _settings(source: WeightSource) -> dict[str, Any]:
    """The model's hyperparameters under config.json's names. Raises Unsupported for what GGUF can't express."""
    kind, args = str(source.config.get("model_type")), cast(Any, source.model).args
    family = gguf_of(kind)
    if family is None:
        text = f"A model of the architecture {kind} can't be written as GGUF; {', '.join(gguf_names())} can."
        raise errors.Unsupported(text, "Fuse it to an MLX folder instead.")
    if getattr(args, "rope_traditional", False) or "sliding_attention" in (getattr(args, "layer_types", None) or ()):
        raise errors.Unsupported("The model looks at its context in a way that GGUF can't say.")
    heads = args.num_attention_heads
    stated_dim = None if ARCHITECTURES[kind].fixed_head_dim else getattr(args, "head_dim", None)
    return {
        "model_type": kind,
        "hidden_size": args.hidden_size,
        "num_hidden_layers": args.num_hidden_layers,
        "intermediate_size": args.intermediate_size,
        "num_attention_heads": heads,
        "num_key_value_heads": args.num_key_value_heads or heads,
        "head_dim": stated_dim or args.hidden_size // heads,
        "rms_norm_eps": args.rms_norm_eps,
        "rope_theta": args.rope_theta,
        "rope_scaling": _rope_scaling(args, family.llama3_rope),
        "vocab_size": args.vocab_size,
        "max_position_embeddings": source.config.get("max_position_embeddings") or args.max_position_embeddings,
        "tie_word_embeddings": args.tie_word_embeddings,
        "attention_bias": getattr(args, "attention_bias", False),
        "mlp_bias": getattr(args, "mlp_bias", False),
    }


def _rope_scaling(args: Any, llama3: bool) -> dict[str, Any] | None:
    stated = getattr(args, "rope_scaling", None) or {}
    kind = stated.get("rope_type") or stated.get("type") or "default"
    if kind == "default":
        return None
    usual = {
        "linear": True,
        "llama3": llama3 and all(stated.get(key, value) == value for key, value in META_ROPE.items()),
        "yarn": "original_max_position_embeddings" in stated and not any(key in stated for key in _OWN_YARN),
    }
    if not usual.get(kind):
        raise errors.Unsupported(f"The model stretches its context in a way that GGUF can't say: {kind}.")
    return stated | {"rope_type": kind}


def _llama3_factors(settings: dict[str, Any]) -> Floats | None:
    """Llama 3.1's divisor of each rotary frequency, (head_dim / 2,); None for other models."""
    scaling = settings["rope_scaling"]
    if scaling is None or scaling["rope_type"] != "llama3":
        return None
    return llama3_factors(settings["rope_theta"], settings["head_dim"] // 2, scaling["factor"]).astype(np.float32)


def _add_general(writer: gguf.GGUFWriter, about: About, kind: Kind) -> None:
    writer.add_type("model")
    writer.add_name(about.name)
    if about.licence:
        writer.add_license(about.licence)
    if about.base:
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, about.base)
    if about.repo:
        writer.add_base_model_repo_url(0, f"https://huggingface.co/{about.repo}")
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_architecture(writer: gguf.GGUFWriter, settings: dict[str, Any]) -> None:
    kind = settings["model_type"]
    for config_key, key in SIZE_KEYS.items():
        writer.add_uint32(f"{kind}.{key}", settings[config_key])
    writer.add_value_length(settings["head_dim"])
    writer.add_layer_norm_rms_eps(settings["rms_norm_eps"])
    writer.add_rope_freq_base(settings["rope_theta"])
    family = gguf_of(kind)
    if family is not None and family.states_rotary_size:
        writer.add_vocab_size(settings["vocab_size"])
        writer.add_rope_dimension_count(settings["head_dim"])
    scaling = settings["rope_scaling"]
    if scaling is not None and scaling["rope_type"] != "llama3":  # whose factors are a tensor
        writer.add_rope_scaling_type(gguf.RopeScalingType(scaling["rope_type"]))
        writer.add_rope_scaling_factor(float(scaling["factor"]))
        if scaling["rope_type"] == "yarn":
            writer.add_rope_scaling_orig_ctx_len(int(scaling["original_max_position_embeddings"]))

"""Random two-layer models of the families that are fused and exported, and adapters that change what they say."""

import json
from pathlib import Path
from typing import Any, Literal

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import _get_classes, load_model
from tokenizers import Tokenizer

from models import paths
from models.checkpoint import folders, model_files
from models.finetune import lora
from models.finetune_config import FinetuneConfig, Method
from tests.tiny import make_tiny

Family = Literal["llama", "mistral", "smollm3", "qwen2", "qwen3", "qwen3_moe"]
OWN: dict[Family, dict[str, Any]] = {
    "llama": {"attention_bias": True},
    "qwen2": {},
    "qwen3": {"head_dim": 32},  # not hidden / heads
    "qwen3_moe": {
        "head_dim": 32, "num_experts": 4, "num_experts_per_tok": 2, "decoder_sparse_step": 1, "mlp_only_layers": [],
        "moe_intermediate_size": 32, "norm_topk_prob": True,
    },
}  # fmt: skip


def make_family(
    family: Family, name: str = "base", dtype: mx.Dtype = mx.float32, tokenizer: Tokenizer | None = None, **own: Any
) -> Path:
    """Write a model of a family into the library. own: further keys of config.json; tokenizer: instead of the tiny one."""
    folder = make_tiny(paths.models_folder() / name)
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"))
        own["vocab_size"] = tokenizer.get_vocab_size() + 3  # rows that no token has
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": family, "torch_dtype": str(dtype).removeprefix("mlx.core.")} | OWN.get(family, {}) | own
    (folder / "config.json").write_text(json.dumps(config))
    model_class, args_class = _get_classes(config)
    model = model_class(args_class.from_dict(config))
    mx.random.seed(3)
    model.update(tree_map_with_path(_random, model.parameters()))
    model.set_dtype(dtype)
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())), {"format": "mlx"})
    folders.write_record(folder, folders.new_record(folder, f"Tiny {family}", "a test", "mit"))
    return folder


def make_adapter(base: Path, method: Method = "lora", name: str = "lesson", keys: list[str] | None = None) -> Path:
    """Write an adapter of a model into the library, as if it had learned something."""
    folder = paths.adapters_folder() / name
    folder.mkdir()
    config = FinetuneConfig(method=method, rank=4, layers=-1)
    model, _ = load_model(base)
    if keys is None:
        lora.attach(model, config, quantized=False)
    else:
        model.freeze()
        linear_to_lora_layers(model, -1, lora._parameters(config) | {"keys": keys}, use_dora=method == "dora")
    mx.random.seed(4)
    weights = {name: array + 0.05 * mx.random.normal(array.shape) for name, array in lora.weights_of(model).items()}
    lora.save_adapter(folder, weights, config, base.name)
    if keys is not None:
        written = json.loads((folder / model_files.ADAPTER_CONFIG).read_text())
        written["lora_parameters"]["keys"] = keys
        (folder / model_files.ADAPTER_CONFIG).write_text(json.dumps(written))
    record = folders.new_record(folder, name, "a test")
    folders.write_record(folder, record)
    return folder


def _random(path: str, array: mx.array) -> mx.array:
    noise = mx.random.normal(array.shape)
    if "norm" in path:
        return 1 + 0.2 * noise
    if array.ndim == 1:
        return 0.3 * noise
    # three times as steep, so that the odds are not nearly the same for all
    return (
        noise
        * (1.0 if "embed" in path else 3.0 if "lm_head" in path else 1.0)
        / array.shape[-1] ** (0.0 if "embed" in path else 0.5)
    )

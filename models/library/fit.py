"""What fits into memory: how much a model takes on a Mac and here, before a byte of it is downloaded.

    needed = weights + KV cache + prefill workspace + runtime

**Weights** (`weights_bytes`). Every matrix of the shape at its recipe's bits plus its share of scales and biases; norms
and biases stay at 16 bits, and so does a matrix whose rows the group size does not divide, as mlx-lm leaves it. A tied
head is the embedding and counts once. Against files that mlx_lm.utils.quantize_model wrote: within 1 %
(tests/models/library/test_fit.py).

**KV cache** (`kv_cache_bytes`). 2 x layers x kv_heads x head_dim x bytes a value x tokens; mlx-lm's KVCache grows in
steps of 256 tokens, so tokens are rounded up. Exact for a prompt read in chunks of 256 or 512 and its reply. A later
turn appends to an odd length and may hold up to 255 tokens more.

**Prefill workspace** (`prefill_bytes`). What one chunk needs beside the cache: three feed-forward activations, four of
the hidden width, queries and the attention's output; the keys and values of one layer once more while its cache grows;
one row of float32 logits four times for sampling. Metal's fused attention keeps no scores for head dimensions of 64, 80
and 128; the CPU, and Metal with others, holds chunk x heads x context of them and a mask. Measured on the CPU against
MLX's own peak with the starter: 12.7 MB with 256 tokens, 16.0 with 512, 20.9 with 1,024, 31.3 with 2,048, 54.2 with
4,096.

**Runtime**. On a Mac 256 MiB for Python, MLX, its kernels and mlx-lm: an assumption, no Mac has been measured. On Linux
81 MB of process were measured before a model is loaded, and with it running 64 MB of OpenBLAS buffers on two cores and
about 55 MB that the allocator keeps in pieces.

**As run here.** MLX on a CPU computes in float32 (models/generate/load.py dequantizes), so there every weight and every
cached value takes 4 bytes whatever the recipe, and loading has a peak of its own (`load_peak_here`): needed is the
larger of that and the run. `runs_in_float32(machine)` says which kind a machine is, and
`needed_bytes(as_run_here=True)` computes for it.

**Training** (`training_bytes`) is an estimate, told below; a dry step on the longest batch decides. MLX's own peak
with LoRA of rank 16 on the starter, in float32, one row: 1,243 MB for 256 tokens (foretold 1,251), 828 with gradient
checkpointing (801); for 512 tokens 2,035 (2,169) and 1,064 (995).

Against all this stands the GPU's working-set limit, less room for the display and other programs: 1 GiB or a sixteenth
of the memory, whichever is more. Up to four fifths of that room a model *fits*; beyond, it is *tight*: a longer chat
or another program makes the Mac swap.
"""

from functools import cache
from typing import Literal

from models import quantities
from models.checkpoint.shapes import ModelShape as ModelShape
from models.checkpoint.shapes import Tensor, layer_tensors, outer_tensors
from models.checkpoint.shapes import shape_of as shape_of
from models.machine.hardware import GIB, Machine, default_gpu_limit
from models.recipes import Recipe, parse

State = Literal["fits", "tight", "too_big"]

CONTEXT = 8192  # tokens: a long thinking budget with its prompt
PREFILL_STEP = 512  # tokens of a prompt that Metal reads at a time
PREFILL_STEP_HERE = 256  # and a CPU
KV_STEP = 256  # mlx_lm.models.cache.KVCache.step
FUSED_HEAD_DIMS = (64, 80, 128)  # of Metal's attention kernel for prompts
RUNTIME_BYTES = 256 << 20
PROCESS_BYTES_HERE = 81_000_000
RUNNING_BYTES_HERE = 120_000_000
READ_AHEAD = 16  # matrices, as measured with random models of 197 to 267 million weights
COMFORTABLE = 0.8  # share of the room
LEAST = "4bit"  # the fewest bits that are recommended
MAC_SIZES = (8, 16, 18, 24, 32, 36, 48, 64, 96, 128, 192, 256, 512)  # GiB
SMALL_PARAMS = 2_000_000_000


@cache
def weights_bytes(shape: ModelShape, recipe: Recipe | None) -> int:
    """Bytes of a checkpoint's tensors. recipe: None for 16 bits throughout."""
    if recipe is None:
        return 2 * shape.params

    def stored(tensor: Tensor) -> float:
        if tensor.kind != "matrix" or tensor.columns % recipe.group_size:
            return 2.0 * tensor.size
        return tensor.size * recipe.bits_per_weight(recipe.bits_at(tensor.path, shape.layers)) / 8

    if recipe.high_bits:
        layers = sum(stored(tensor) for layer in range(shape.layers) for tensor in layer_tensors(shape, layer))
    else:
        layers = shape.layers * sum(map(stored, layer_tensors(shape, 0)))
    return round(layers + sum(map(stored, outer_tensors(shape))))


def kv_cache_bytes(shape: ModelShape, tokens: int, bytes_per_value: int = 2) -> int:
    """Bytes of the KV cache that holds so many tokens."""
    steps = -(-tokens // KV_STEP)
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * bytes_per_value * steps * KV_STEP


def prefill_bytes(
    shape: ModelShape, context: int, step: int = PREFILL_STEP, bytes_per_value: int = 2, fused: bool | None = None
) -> int:
    """Bytes that the last chunk of a prompt needs beside weights and cache. fused: whether attention keeps no scores;
    None for what Metal does with this head dimension."""
    chunk = min(step, context)
    width = shape.feed_forward * (shape.experts_used if shape.experts else 1)
    activations = chunk * (3 * width + 4 * shape.hidden + 2 * shape.heads * shape.head_dim) * bytes_per_value
    growth = 2 * context * shape.kv_heads * shape.head_dim * bytes_per_value
    if fused is None:
        fused = shape.head_dim in FUSED_HEAD_DIMS
    scores = 0 if fused else chunk * context * (shape.heads * bytes_per_value + 1)
    return activations + growth + scores + 4 * 4 * shape.vocab


def needed_bytes(
    shape: ModelShape,
    recipe: Recipe | None,
    context: int = CONTEXT,
    *,
    as_run_here: bool = False,
    stored_bytes: int | None = None,
) -> int:
    """Memory that a chat of so many tokens takes at its most. recipe: None for an original at 16 bits; as_run_here: on
    a CPU in float32; stored_bytes: of the checkpoint's tensors where they are known, else computed."""
    stored = weights_bytes(shape, recipe) if stored_bytes is None else stored_bytes
    if not as_run_here:
        return stored + kv_cache_bytes(shape, context) + prefill_bytes(shape, context) + RUNTIME_BYTES
    running = mlx_peak_here(shape, context) + RUNNING_BYTES_HERE
    return PROCESS_BYTES_HERE + max(running, load_peak_here(shape, recipe, stored))


def mlx_peak_here(shape: ModelShape, context: int) -> int:
    """What MLX itself holds on a CPU at the end of a prompt: the figure of mx.get_peak_memory()."""
    workspace = prefill_bytes(shape, context, PREFILL_STEP_HERE, 4, fused=False)
    return 4 * shape.params + kv_cache_bytes(shape, context, 4) + workspace


def load_peak_here(shape: ModelShape, recipe: Recipe | None, stored: int) -> int:
    """MLX's peak memory on a CPU while it converts a checkpoint to float32.

    Of a quantized one the file, its scales and biases as float32, and the result. Of one at 16 bits, beside the result,
    what has been read and not yet been converted: the embedding and 16 of the largest other matrices.
    """
    if recipe is None:
        ahead = 2 * (shape.head_params + READ_AHEAD * shape.feed_forward * shape.hidden)
        return 4 * shape.params + min(ahead, stored)
    scales = 2 * (32 / recipe.group_size) / recipe.bits_per_weight() if recipe.mode == "affine" else 0.0
    return 4 * shape.params + round(stored * (1 + scales))


def training_bytes(
    shape: ModelShape,
    recipe: Recipe | None = None,
    *,
    method: Literal["lora", "full"] = "lora",
    rank: int = 16,
    batch: float = 1,
    tokens: int = 2048,
    checkpointing: bool = True,
    logits_at_once: int | None = None,
    bytes_per_value: int = 2,
    layers: int = -1,
    accumulates: bool = False,
) -> int:
    """Estimate what fine-tuning takes. tokens: of the longest row; batch: rows of that length at once; logits_at_once:
    rows of logits that the loss holds at a time, all when None; bytes_per_value: of the compute type, 4 on a CPU;
    layers: that are trained, -1 for all; accumulates: gradients of several micro-batches are added up.

    LoRA leaves the base as stored and trains rank x (rows + columns) values for each linear layer: in float32, with
    gradient and AdamW's two moments, 16 bytes each. Full training holds weight, gradient and two moments of the
    compute type for each weight of the layers (models/finetune/optimizer.py); where gradients are added up there are two.
    Kept for the backward pass: with gradient checkpointing the input of each layer and one layer's
    activations, without it all layers' (six of the hidden width, queries, keys, values and the attention's output, four
    of the feed-forward; the attention's scores before and after softmax, since the fused kernel has no backward pass).
    Logits count three times in float32: themselves, their softmax and their gradient.
    """
    rows = round(batch * tokens)
    keys, queries = shape.kv_heads * shape.head_dim, shape.heads * shape.head_dim
    width = shape.feed_forward * (shape.experts_used if shape.experts else 1)
    layer = rows * (6 * shape.hidden + 2 * queries + 2 * keys + 4 * width) * bytes_per_value
    layer += 2 * rows * shape.heads * tokens * bytes_per_value
    inputs = shape.layers * rows * shape.hidden * bytes_per_value
    activations = inputs + layer if checkpointing else shape.layers * layer
    logits = 3 * 4 * shape.vocab * min(rows, logits_at_once or rows)
    part = (shape.layers if layers < 0 else min(layers, shape.layers)) / shape.layers
    trained = _trained_bytes(shape, recipe, method, rank, bytes_per_value, part, accumulates)
    return trained + activations + logits + RUNTIME_BYTES


def runs_in_float32(machine: Machine) -> bool:
    """Whether models run in float32 on this machine, as they do wherever MLX has no Metal."""
    return not machine.platform.startswith("macOS")


def room_bytes(machine: Machine) -> int:
    """What a model may take: the GPU's limit less room for the display and other programs."""
    return _room(machine.memory_bytes, machine.gpu_limit_bytes)


def judge(needed: int, machine: Machine) -> State:
    """Judge whether so many bytes fit, fit tightly, or not at all."""
    room = room_bytes(machine)
    if needed > room:
        return "too_big"
    return "fits" if needed <= COMFORTABLE * room else "tight"


def recommend(shape: ModelShape, machine: Machine) -> Recipe | None:
    """The recipe to take on this machine: the best that fits, else 4 bits if those fit tightly, else None.

    Fewer bits hurt a small model more and gain it less: 8 bits of a model below 2 billion weights are at most 2.1 GB,
    which the 68 GB/s of the slowest M chip still read thirty times a second. On the starter KL to the original was
    0.001 at 8 bits, 0.02 at 6, 0.29 mixed 4/6 and 0.41 at 4. From 2 billion weights on, speed is what one waits for,
    and it goes with the bytes: mixed 4/6, then plain 4 bits. 3 bits are never recommended (KL 2.1).
    """
    ladder = ("8bit", "6bit", "mixed-4-6", LEAST) if shape.params < SMALL_PARAMS else ("mixed-4-6", LEAST)
    here = runs_in_float32(machine)
    recipes = [parse(name) for name in ladder]
    states = [judge(needed_bytes(shape, recipe, as_run_here=here), machine) for recipe in recipes]
    if "fits" in states:
        return recipes[states.index("fits")]
    return recipes[-1] if states[-1] == "tight" else None


def smallest_mac(needed: int) -> int:
    """Gigabytes of memory of the smallest Mac on which so many bytes fit, if tightly; 0 when there is none."""
    macs = (size for size in MAC_SIZES if needed <= _room(size * GIB, default_gpu_limit(size * GIB)))
    return next(macs, 0)


def needs(needed: int, machine: Machine) -> str:
    """Say what a model that is too big here would need."""
    if runs_in_float32(machine):
        return f"needs {quantities.size(needed)} of memory here"
    size = smallest_mac(needed)
    return f"needs {'an' if size in (8, 18) else 'a'} {size} GB Mac" if size else "needs more memory than a Mac has"


def _room(memory_bytes: int, gpu_limit_bytes: int) -> int:
    return max(0, gpu_limit_bytes - max(GIB, memory_bytes // 16))


def _trained_bytes(
    shape: ModelShape,
    recipe: Recipe | None,
    method: str,
    rank: int,
    bytes_per_value: int,
    part: float,
    accumulates: bool,
) -> int:
    """Bytes of the model, and of what is trained of it with gradients and moments. part: of the layers, from 0 to 1."""
    copies = 4 if accumulates else 3  # beside the weight itself
    if method == "full":
        layers = shape.params - sum(tensor.size for tensor in outer_tensors(shape))
        return bytes_per_value * (shape.params + round(copies * part * layers))
    base = weights_bytes(shape, recipe) if bytes_per_value == 2 else bytes_per_value * shape.params
    linears = (tensor for tensor in layer_tensors(shape, 0) if tensor.kind == "matrix")
    adapters = shape.layers * rank * sum((tensor.rows + tensor.columns) * tensor.copies for tensor in linears)
    return base + round(4 * (1 + copies) * part * adapters)

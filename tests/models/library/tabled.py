"""The size of a checkpoint by config.json's own table of what is quantized how."""

from typing import Any

from models.checkpoint.shapes import ModelShape, Tensor, layer_tensors, outer_tensors


def tabled_bytes(shape: ModelShape, quantization: dict[str, Any]) -> int:
    """Bytes of tensors quantized as config.json's `quantization` says: bits and group_size, and the same for single
    modules by their path; a module that is set to false stays at 16 bits."""

    def stored(tensor: Tensor) -> float:
        own = quantization.get(tensor.path, quantization)
        if tensor.kind != "matrix" or not own or tensor.columns % own["group_size"]:
            return 2.0 * tensor.size
        overhead = 32 if own.get("mode", "affine") == "affine" else 8
        return tensor.size * float(own["bits"] + overhead / own["group_size"]) / 8

    tensors = (tensor for layer in range(shape.layers) for tensor in layer_tensors(shape, layer))
    return round(sum(map(stored, tensors)) + sum(map(stored, outer_tensors(shape))))

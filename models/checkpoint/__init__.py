"""A model's folder and the files in it, distrusted: what may be read, how large it may be, how weights stream through
little memory, and how a folder appears whole or not at all.
"""

__all__ = [
    "bounded_files",
    "fingerprint",
    "folders",
    "formats",
    "inspection",
    "model_config",
    "model_files",
    "numbers",
    "safetensors_header",
    "safety",
    "shapes",
    "shards",
    "tokenizer_bounds",
    "weight_blocks",
    "weight_stream",
]

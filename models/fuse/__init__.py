"""One model of a model and its adapter: an MLX folder of the library or a GGUF file, with a model card."""

__all__ = ["fuse"]

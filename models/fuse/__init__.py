"""One model of a model and its adapter: an MLX folder of the library or a GGUF file, with a model card."""

from models.verbs import make_callable

__all__ = ["fuse"]

make_callable(__name__, "models.fuse.fuse", "fuse")

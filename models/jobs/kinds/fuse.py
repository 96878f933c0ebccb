"""Make one model of a model and its adapter."""

from collections.abc import Generator
from pathlib import Path

from models.events import Event, Fused, Model
from models.jobs.request import JobRequest


class Fuse(JobRequest, frozen=True, kw_only=True, tag="fuse"):
    """Make one model of a model and its adapter: an MLX folder of the library, or a GGUF file."""

    model: str
    adapter: str
    name: str | None = None  # of the model to come, made from both names when None
    gguf: str = ""  # the path of a GGUF file to write instead; empty for none
    recipe: str = ""  # quantize it then; empty to leave it as it is

    doing = "fusing"
    step = "fuse"
    makes = "model"

    def work(self) -> Generator[Event, None, Model | Fused]:
        from models.fuse.fuse import fuse

        return (yield from fuse(self.model, self.adapter, name=self.name, gguf=self.gguf, recipe=self.recipe))

    def title(self) -> str:
        return Path(self.gguf).name if self.gguf else f"{self.model} + {self.adapter}"

    def subject(self) -> str:
        return self.adapter

"""Take a model from elsewhere on the disk into the library."""

from collections.abc import Generator
from pathlib import Path

from models.events import Event, Model
from models.jobs.request import JobRequest


class ImportModel(JobRequest, frozen=True, kw_only=True, tag="import"):
    """Take a Hugging Face folder, an MLX folder or a GGUF file into the library."""

    path: str
    name: str | None = None  # made from the path when None
    keep_precision: bool = False  # blocks of a GGUF file that MLX can't hold become float16 instead of being quantized
    card: bool = True  # measure what quantizing those cost

    lane = "light"
    doing = "importing"
    step = "import"
    makes = "model"

    def work(self) -> Generator[Event, None, Model]:
        from models.quant.importing import import_model

        return import_model(self.path, self.name, keep_precision=self.keep_precision, card=self.card)

    def title(self) -> str:
        return Path(self.path).name

    def subject(self) -> str:
        return self.path

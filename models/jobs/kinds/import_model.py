"""Take a model from elsewhere on the disk into the library."""

from collections.abc import Generator
from pathlib import Path

from models.events import Event, Model
from models.jobs.request import JobRequest


class ImportModel(JobRequest, frozen=True, kw_only=True, tag="import"):
    """Take a Hugging Face folder, an MLX folder or a GGUF file into the library."""

    path: str
    name: str | None = None  # made from the path when None

    lane = "light"
    doing = "importing"
    step = "import"
    makes = "model"

    def work(self) -> Generator[Event, None, Model]:
        from models.library.installed import import_model

        return (yield from import_model(self.path, self.name))

    def title(self) -> str:
        return Path(self.path).name

    def subject(self) -> str:
        return self.path

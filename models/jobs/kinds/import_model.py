"""Take a model or an adapter from elsewhere on the disk into the library."""

from collections.abc import Generator
from pathlib import Path

from models.errors import BadInput
from models.events import Event, Model, Record
from models.jobs.request import JobRequest


class ImportModel(JobRequest, frozen=True, kw_only=True, tag="import"):
    """Take a Hugging Face folder, an MLX folder, a GGUF file or an adapter of PEFT's into the library."""

    path: str
    name: str | None = None  # made from the path when None
    keep_precision: bool = False  # blocks of a GGUF file that MLX can't hold become float16 instead of being quantized
    card: bool = True  # measure what quantizing those cost
    base: str | None = None  # the model that an adapter was trained on; looked for when None

    lane = "light"
    doing = "importing"
    step = "import"
    makes = "model"

    def work(self) -> Generator[Event, None, Model]:
        from models.finetune import peft_format

        if peft_format.is_adapter(Path(self.path)):
            from models.finetune.peft import import_adapter

            return import_adapter(self.path, self.name, self.base)
        if self.base:
            raise BadInput(f"{self.path} is no adapter: it has no base.", "Leave --base out.")
        from models.quant.importing import import_model

        return import_model(self.path, self.name, keep_precision=self.keep_precision, card=self.card)

    def made(self, record: Record | None) -> str:
        """The model; an adapter is none to chat with by itself."""
        return record.name if isinstance(record, Model) and record.kind != "adapter" else ""

    def title(self) -> str:
        return Path(self.path).name

    def subject(self) -> str:
        return self.path

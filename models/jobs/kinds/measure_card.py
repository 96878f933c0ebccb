"""Measure what a quantization cost."""

from collections.abc import Generator

from models.events import Event, QuantCard
from models.jobs.request import JobRequest


class MeasureCard(JobRequest, frozen=True, kw_only=True, tag="measure_card"):
    """Measure a model's quant card and keep it with the model."""

    model: str
    reference: str | None = None  # its original; found by its record when None

    doing = "measuring"
    step = "measure its quant card"

    def work(self) -> Generator[Event, None, QuantCard]:
        from models.quant.card import measure

        return (yield from measure(self.model, self.reference))

    def subject(self) -> str:
        return self.model

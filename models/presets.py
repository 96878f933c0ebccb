"""The presets that come with Stillroom, and the sampling any preset asks for. The user's own are in the settings."""

from models.requests import Sampling
from models.settings import Preset

BUILT_IN = (
    Preset(name="Maths", system="Please reason step by step, and put your final answer within \\boxed{}."),
    Preset(
        name="Code review",
        system=(
            "Review the code you are given. Name each fault with the line it is in, why it is one, and the smallest "
            "change that mends it. Leave style alone unless it hides a fault."
        ),
    ),
    Preset(name="In short", system="Answer in at most three sentences."),
)


def sampling_of(preset: Preset | None) -> Sampling:
    """The sampling a preset asks for; without one, what the model's family advises."""
    return Sampling(temperature=preset.temperature, top_p=preset.top_p) if preset else Sampling()

"""The stages that long work goes through, in every wording that a face shows; a kind of job may word some for itself.

A stage that is not here is called by its name. Progress.job, which programs read in JSON, follows from the stage too.
"""

from typing import NamedTuple


class Stage(NamedTuple):
    """One stage in words."""

    title: str  # on a line of its own: "Downloading"
    pill: str = ""  # beside a job's title: "downloading"; empty where what the job does says it better
    job: str = ""  # Progress.job; empty for the kind of the request under way
    of: tuple[str, ...] = ()  # kinds that have this stage for themselves: there Progress.job is the kind
    reply: str = ""  # where a reply will stand that has not begun: "Reading the conversation"
    base: str = ""  # of the base model, before a run's first step: "Loading the base model"


STAGES: dict[str, Stage] = {
    "ask": Stage("Asking the Hub"),
    "wait": Stage(
        "Waiting for another download of the same", "waiting", "import", ("fetch",), base="Waiting for another process"
    ),
    "download": Stage("Downloading", "downloading", "fetch"),
    "verify": Stage("Checking", "checking", "fetch"),
    "quantize": Stage("Quantizing", "quantizing", "quantize"),
    "learn": Stage("Learning from the original", "learning", "quantize"),
    "targets": Stage("Reading the original", "reading the original", "quantize"),
    "reference": Stage("Reading the original", "reading the original", "card"),
    "card": Stage("Measuring what it cost", "measuring", "card"),
    "index": Stage("Reading the set", job="traces"),
    "read": Stage("Reading", job="traces"),
    "export": Stage("Writing", job="traces"),
    "fuse": Stage("Fusing", job="fuse"),
    "check": Stage("Checking", job="fuse"),
    "copy": Stage("Copying", "copying", "import", base="Copying the base model"),
    "convert": Stage("Converting", "converting", "import", base="Making the base model ready"),
    "write": Stage("Writing", "writing", "import", ("fuse",), base="Writing the base model"),
    "load": Stage("Loading the model", job="load", reply="Loading the model", base="Loading the base model"),
    "start": Stage("Starting the engine"),
    "prefill": Stage("Reading the prompt", job="chat", reply="Reading the conversation"),
    "votes": Stage("Voting", job="chat"),
    "draw": Stage("Drawing replies"),
}


def of(stage: str) -> Stage:
    """A stage in words; one that is not known has its own name for a title."""
    return STAGES.get(stage) or Stage(stage.replace("_", " ").capitalize())


def job_of(stage: str, kind: str) -> str:
    """Progress.job of a stage in a request of a kind."""
    known = of(stage)
    return kind if kind in known.of else known.job or kind

"""What every kind of job is: its request, which alone knows what is run, what it is called and what it may do.

A kind is a file of models/jobs/kinds: a subclass with its arguments as fields, of this module's methods those that it
knows better, and its own events and records, if it has any. Nothing else has to be told of it.
"""

from collections.abc import Generator, Mapping
from typing import ClassVar, Literal, Self

import msgspec

from models.events import Event, Model, Record
from models.stages import Stage

Lane = Literal["network", "light", "machine"]


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A request that has a process of its own. Its fields are plain data: it crosses the wire and lies in the database."""

    # jobs of a lane run one at a time, those of different lanes side by side: network for what waits for the Hub,
    # light for what takes seconds and little memory, machine for what wants all of it
    lane: ClassVar[Lane] = "machine"
    needs_network: ClassVar[bool] = False  # its worker may use the network; every other one is kept offline
    can_pause: ClassVar[bool] = False  # what it has done so far is kept, so that stopping it costs nothing
    patience_s: ClassVar[float] = 3.0  # how long it may take to stop by itself before its process is killed
    stopping: ClassVar[str] = "Stopping …"  # what is said meanwhile
    doing: ClassVar[str] = "working"  # what it does, in a word or two beside its title
    step: ClassVar[str] = ""  # what it does as a step, as in "then download"
    stages: ClassVar[Mapping[str, Stage]] = {}  # in words, those that models/stages.py does not have
    makes: ClassVar[Literal["", "model", "adapter"]] = ""  # what stands in the library afterwards, to be announced

    @classmethod
    def kind(cls) -> str:
        """Its name on the wire and in Job.doing."""
        return str(cls.__struct_config__.tag)

    def work(self) -> Generator[Event, None, Record | None]:
        """Do the work; closing the generator stops it and leaves nothing half behind. Imports what it needs when called."""
        raise NotImplementedError

    def title(self) -> str:
        """What a person calls the job."""
        return self.subject()

    def subject(self) -> str:
        """What it is about: a Hub repository, or the name of a model, an adapter or a set of traces."""
        raise NotImplementedError

    def words(self) -> str:
        """Its step in full, as in "then quantize to 4-bit"."""
        return self.step

    def recipe_title(self) -> str:
        """The title of the recipe that it quantizes to; empty for none."""
        return ""

    def run_id(self) -> str:
        """The name of the run's folder that it works on; empty for none."""
        return ""

    def publication(self) -> "JobRequest | None":
        """The step that takes what it has made so far into the library, to end it with; None where there is none."""
        return None

    def queued(self) -> Self:
        """The same as it is queued: what has to be found again has a name from here on."""
        return self

    def resumed(self) -> Self:
        """The same for another start, after it was stopped on the way."""
        return self

    def discard(self) -> None:
        """Remove what is left of it when it was stopped for good."""

    def made(self, record: Record | None) -> str:
        """The library's name of what it made; empty when that is none."""
        return record.name if isinstance(record, Model) else ""

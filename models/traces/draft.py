"""What a row was recognised as: a trace to be, not checked yet."""

from dataclasses import dataclass, field

from models.answers import tags
from models.trace_report import Columns
from models.traces.fault import Fault
from models.traces.trace import Trace, Turn


@dataclass(slots=True)
class Draft:
    """The parts of a trace as a row has them."""

    title: str  # the row's shape
    where: str = "no thinking"  # where its thinking was, as words of a sentence
    problem: str = ""
    thinking: str = ""
    answer: str = ""
    system: str = ""
    turns: list[Turn] = field(default_factory=list)
    gold: str = ""
    source: str = ""
    teacher: str = ""
    licence: str = ""
    closed: bool = True  # False when the reply was cut or its thinking never ends
    by_template: bool = False  # its thinking closes without having opened, so the template opened it
    columns: Columns | None = None  # that its parts come of; None: a conversation, or a record of a program
    opened: bool = False  # the prompt ended in the open tag
    verified: bool | None = None
    tokens: int = 0
    budget: int | None = None
    fault: Fault | None = None  # why it can be no trace
    said: bytes = b""  # all of it in UTF-8, as trace.said, set by the first check

    def take_reply(self, text: str) -> None:
        """Set thinking and answer from a reply that may hold both."""
        split = tags.split_reply(text)
        self.thinking, self.answer = split.thinking, split.answer
        if split.found == "none" and self.opened:
            self.thinking, self.answer, self.closed = split.answer, "", False
        elif split.found == "tags":
            self.where = f"thinking in {split.tag}"
        elif split.found == "closed":
            self.where, self.by_template = f"thinking before {dict(tags.pairs())[split.tag]}", True
        elif split.found == "open":
            self.where, self.closed = f"thinking in {split.tag}", False
        elif split.found == "late":
            self.fault = Fault("control_tokens", f"Text stands before its {split.tag}.")

    def take_parts(self, thinking: str, answer: str, column: str) -> None:
        """Set thinking that has a place of its own, and the answer, in which it may stand once more."""
        split = tags.split_reply(answer)
        self.thinking = tags.unwrap_thinking(thinking)
        self.answer = split.answer if split.found in ("tags", "closed") else tags.without_end(answer).strip()
        self.where = f"thinking in {column}"


SHARED = tuple(name for name in Trace.__struct_fields__ if name in Draft.__slots__)  # fields that both have


def draft_of(trace: Trace, title: str = "", where: str = "no thinking") -> Draft:
    """A trace as a draft, to be checked again."""
    return Draft(title, where, **{name: getattr(trace, name) for name in SHARED})

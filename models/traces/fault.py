"""Why a row becomes no trace: the reason, the sentence, and the facts in the sentence that a reader may want apart."""

from typing import NamedTuple

from models.trace_report import Reason


class Fault(NamedTuple):
    """What is wrong with a row; the fields after the sentence are those of trace_report.LeftOut."""

    reason: Reason
    text: str
    limit: int | None = None
    near: bool = False
    same_as_line: int | None = None
    same_as_file: str = ""

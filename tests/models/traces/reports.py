"""What a file's import reports, as plain data: the siblings of the files in tests/data/traces hold it."""

from pathlib import Path

import msgspec

from models import errors
from models.traces.checks import Limits
from models.traces.importing import TraceImport
from models.traces.trace import Trace

FOLDER = Path(__file__).parents[2] / "data" / "traces"


class Given(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Options that a file is imported with; evaluation: names of files in the same folder."""

    max_tokens: int | None = None
    evaluation: list[str] = []


def expected_of(path: Path) -> Path:
    return path.with_name(path.name + ".expected.json")


def report(path: Path, given: Given) -> dict[str, object]:
    """Everything the import says, and every field of what was kept that is not empty."""
    try:
        job = TraceImport(Limits(max_tokens=given.max_tokens), evaluation=[FOLDER / name for name in given.evaluation])
        kept = [item for item in job.read(path) if isinstance(item, Trace)]
    except errors.StillroomError as error:
        return {"failed": {"kind": error.kind, "text": error.text, "hint": error.hint}}
    added = job.result("a set", len(kept))
    (file,) = added.files
    return {
        "format": file.format,
        "encoding": file.encoding,
        "shape": file.shape,
        "rows": added.rows,
        "kept": [_told(trace) for trace in kept],
        "left_out": [[left.line, left.reason, left.text] for left in added.left_out],
        "fixed": file.fixed,
        "secrets": added.secrets,
        "notes": added.notes,
    }


def _told(trace: Trace) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(trace)
    del fields["id"]
    return fields

"""A job in words: the pill beside its title, how far it is, and how it ended."""

from datetime import date, datetime

from models import quantities, stages
from models.jobs import kinds
from models.jobs.queue import ENDED, Job
from models.jobs.request import JobRequest

OUTCOMES = {"done": "finished", "failed": "failed", "cancelled": "cancelled"}


def is_over(job: Job) -> bool:
    """Whether a job ended, well or not."""
    return job.state in ENDED


def pill(job: Job) -> str:
    """What it does now, in a word or two."""
    if job.state != "running":
        return OUTCOMES.get(job.state, job.state)
    doing = _stage(job) or _kind(job).doing
    return f"{doing} · {job.recipe}" if job.recipe and job.stage == "quantize" else doing


def short(job: Job) -> str:
    """The same for the narrow column of a table: "61 %", "quantizing", "paused"."""
    part = fraction(job)
    if job.state != "running":
        return job.state
    kind = _kind(job)
    return f"{int(100 * part)} %" if kind.needs_network and part is not None else kind.doing


def fraction(job: Job) -> float | None:
    """How far the step under way is, 0 to 1; None when that is not known."""
    return min(job.done / job.total, 1.0) if job.total > 0 else None


def line(job: Job) -> str:
    """How far it is, how quick, how long is left and what comes after."""
    if job.stopping:
        return _kind(job).stopping
    if is_over(job):
        return ending(job)
    parts = [_amount(job) if job.state != "waiting" or job.total else ""]
    if job.state == "running":
        parts += [_rate(job), _peak(job), _left(job)]
        parts += ["checked as it arrives" if job.stage == "download" and job.total else "", job.note]
    elif job.state == "waiting":
        parts.append("goes on when the job before it is done")
    return " · ".join(part for part in [*parts, job.then] if part)


def ending(job: Job) -> str:
    """How it ended: a sentence for what failed."""
    if job.state == "failed":
        return f"{job.error} {job.hint}".strip()
    when = moment(job.ended)
    made = "Ready to chat" if _kind(job).makes == "model" and job.model else "Done"
    said = made if job.state == "done" else "Stopped"
    return " · ".join(part for part in (said, job.note if job.state == "done" else "", when) if part)


def moment(iso: str, today: date | None = None) -> str:
    """A moment as a person says it, in local time: "today 14:03", "yesterday", "12 Nov", "12 Nov 2024"."""
    try:
        then = datetime.fromisoformat(iso).astimezone()
    except (ValueError, OverflowError):
        return ""
    days = ((today or date.today()) - then.date()).days
    if days <= 0:
        return f"today {then:%H:%M}"
    if days == 1:
        return f"yesterday {then:%H:%M}"
    year = "" if then.year == (today or date.today()).year else f" {then.year}"
    return f"{then.day} {then:%b}{year}"


def _kind(job: Job) -> type[JobRequest]:
    return kinds.of(job.doing)


def _stage(job: Job) -> str:
    """The stage in a word or two; empty where what the job does says it better."""
    return (_kind(job).stages.get(job.stage) or stages.of(job.stage)).pill


def _amount(job: Job) -> str:
    if job.unit == "bytes" and (job.total or job.done):
        done, total = quantities.size(job.done), quantities.size(job.total)
        if not job.total:
            return done
        # "9.3 of 15.2 GB", but "950.0 MB of 15.2 GB"
        return f"{done.removesuffix(total[total.index(' ') :])} of {total}"
    if job.total and job.unit in ("layers", "steps"):
        return f"{job.unit.removesuffix('s')} {job.done:,} of {job.total:,}"
    return f"{job.done:,} of {job.total:,} {job.unit}".strip() if job.total else ""


def _rate(job: Job) -> str:
    if job.rate <= 0 or job.unit != "bytes":
        return ""
    return f"{_whole(quantities.size(job.rate))}/s"


def _whole(size: str) -> str:
    """A rate jumps about: its tenths would only flicker."""
    number, unit = size.split()
    return f"{float(number):.0f} {unit}" if float(number) >= 10 else size


def _peak(job: Job) -> str:
    return f"peak memory {quantities.size(job.peak_bytes)}" if job.peak_bytes and not _kind(job).needs_network else ""


def _left(job: Job) -> str:
    return f"{quantities.seconds(round(job.seconds_left))} left" if job.seconds_left is not None else ""

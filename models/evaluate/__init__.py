"""Proof on problems: tasks and ladders, their verifiers, scores with intervals that are honest. evaluate.py alone runs a model."""

__all__ = [
    "as_trace",
    "board",
    "estimate",
    "evaluate",
    "evaluations",
    "export",
    "from_task",
    "intervals",
    "ladders",
    "problems",
    "published",
    "race",
    "records",
    "replies",
    "results",
    "scores",
    "tasks",
]

from models.verbs import make_callable

make_callable(__name__, "models.evaluate.from_task", "evaluate_task")

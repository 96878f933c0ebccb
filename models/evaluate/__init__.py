"""Proof on problems: tasks and ladders, their verifiers, scores with intervals that are honest. evaluate.py alone runs a model."""

__all__ = [
    "evaluate",
    "evaluations",
    "from_task",
    "intervals",
    "ladders",
    "problems",
    "records",
    "replies",
    "results",
    "scores",
    "tasks",
]

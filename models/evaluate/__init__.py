"""Proof on problems: tasks and ladders, their verifiers, scores with intervals that are honest. Nothing here runs a model."""

__all__ = ["intervals", "ladders", "problems", "replies", "scores", "tasks"]

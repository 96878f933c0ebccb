"""The engine process: the wire (wire.py), the child (worker.py), the parent's side (client.py)."""

__all__ = ["client", "wire", "worker"]

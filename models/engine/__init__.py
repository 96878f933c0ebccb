"""The engine process: the wire (messages.py), the child (worker.py), the parent's side (client.py)."""

"""Work that has a process of its own: one file a kind (kinds/), what follows what (chains), the queue and its rows."""

__all__ = ["chains", "kinds", "queue", "request", "rows", "written_rows"]

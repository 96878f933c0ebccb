"""Chats, and later runs and evaluations, in one SQLite file: rows that outlive any window or crash.

A connection from `open_database` belongs to the thread that opened it. Reading is quick enough for the thread of a
window; writing ends with a flush of the disk, so a window leaves it to a `Writer`. Only the process that holds the
home may call `Chats.repair`.
"""

__all__ = ["chats", "database", "export", "rows", "search", "titles", "writer"]

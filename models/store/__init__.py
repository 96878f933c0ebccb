"""Chats, and later runs and evaluations, in one SQLite file: rows that outlive any window or crash.

A connection from `open_database` belongs to the thread that opened it; each call is short enough for the thread of
a window. Only the process that holds the home may call `Chats.repair`.
"""

__all__ = ["chats", "database", "export", "rows", "titles", "writer"]

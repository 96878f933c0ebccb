"""The parent's side of the engine process: start it, send requests, hand out its events, replace it when it dies.

One reader thread per worker hands every event to `on_event`, on that thread; the window crosses to its own thread
in app/desktop/engine_signals.py, the command line iterates over `run()`.
"""

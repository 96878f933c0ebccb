"""Everything about models, headless: load, think, generate, import, and the engine process around them.

Importing this package costs nothing: mlx, mlx_lm and transformers are imported where they are used,
inside the worker process alone.
"""

"""GGUF files: read without being believed, turned into folders that MLX runs, and written. What sets an architecture
apart stands in models/architectures.py.
"""

__all__ = ["header", "read", "write"]

"""The computer this runs on: its memory and chip, which backend MLX has here, and a quick BLAS where there is none on board."""

__all__ = ["backend", "blas", "hardware"]

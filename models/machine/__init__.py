"""The computer this runs on: chip and memory, the backend that MLX has here, and a quick BLAS for Linux."""

__all__ = ["backend", "blas", "hardware", "limited_process"]

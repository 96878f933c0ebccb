"""The computer this runs on: chip and memory, the backend that MLX has here, a quick BLAS for Linux, temporary files."""

__all__ = ["backend", "blas", "hardware", "limited_process", "scratch"]

"""The Models page: find a model, get it, keep it, and see what its quantization cost."""

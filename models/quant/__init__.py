"""Quantized copies of models: plain and learned recipes, and the card that says what a copy loses."""

__all__ = ["card", "divergence", "importing", "layerwise", "quantize"]

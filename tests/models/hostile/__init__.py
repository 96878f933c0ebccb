"""Makes checkpoints and templates that mean harm. Nothing of them is kept as a file."""

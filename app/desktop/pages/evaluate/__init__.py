"""The Evaluate page: accuracy against thinking on the user's own problems, and where it fails."""

"""The application's style sheet."""

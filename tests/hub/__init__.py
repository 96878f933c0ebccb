"""A Hugging Face Hub on loopback for tests and for trying the window by hand: repositories, HTTP, faults on request."""

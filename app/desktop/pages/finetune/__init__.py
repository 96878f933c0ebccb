"""The Fine-tune page: set a run up, watch it learn, and take what it learned into a chat."""

"""How people reach Stillroom: the window, the command line. Rules that two of them would need live in models."""

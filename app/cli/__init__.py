"""The command line: one short function a command. What each does is in models/, how it looks in terminal.py."""

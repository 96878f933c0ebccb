"""What pages work with and none of them owns: queue, engine signals, preferences, deletions with undo."""

"""What pages work with and none of them owns: queue, store of chats, engine signals, preferences, deletions with undo."""

"""Markdown, mathematics, tables and code as a Qt document that grows: for chats, help and traces."""

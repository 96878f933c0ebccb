"""The main window and what surrounds the pages: sidebar, menus, jump, help, starting and quitting."""

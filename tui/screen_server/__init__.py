"""The process that has imported Textual and the screen, and forks a screen for each terminal that is handed over."""

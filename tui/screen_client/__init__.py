"""Having the screen server open a screen in this terminal, and starting one. Imports next to nothing: this runs before a command does."""

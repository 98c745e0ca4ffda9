"""What each mode shows, as frozen values read from a run directory. No Textual here: all of it is tested without a terminal."""

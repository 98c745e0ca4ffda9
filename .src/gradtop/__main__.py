"""`python -m gradtop` is the command `gradtop`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # The current directory stands first: a user's own json.py there must not hide the module that we import.
        del sys.path[0]
    from gradtop.tui.cli.entry import main

    sys.exit(main())

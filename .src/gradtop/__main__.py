"""`python -m gradtop` is the command `gradtop`."""

import sys

from gradtop.tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""`zeroov`, and `python -m zeroov`."""

import atexit
import gc
import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback also while its modules are being imported."""
    atexit.register(gc.freeze)  # the process ends: it need not look through half a million objects for garbage
    try:
        from zeroov.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

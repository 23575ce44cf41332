"""The entry point: `sendgate …` and `python -m sendgate …`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code.

    The version is answered before anything else is loaded: scripts ask for it often.
    """
    if sys.argv[1:] == ["--version"]:
        from sendgate import __version__

        sys.stdout.write(f"sendgate {__version__}\n")
        sys.exit(0)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from sendgate.cli.app import app

        app(prog_name="sendgate")
    except KeyboardInterrupt:
        sys.stderr.write("sendgate: error: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()

"""The entry point: `sendgate …` and `python -m sendgate …`."""

from __future__ import annotations

import os
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
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sending = sys.argv[1:2] == ["send"]
    if sending:
        _take_signals()
    try:
        from sendgate.cli.app import app

        app(prog_name="sendgate")
    except KeyboardInterrupt:
        sys.stderr.write("sendgate: error: interrupted\n")
        sys.exit(130)
    finally:
        if sending:
            _ignore_signals()  # the exit code shall be the one that was chosen


def _take_signals() -> None:
    """Let the first SIGTERM or SIGINT be a KeyboardInterrupt, and those that follow nothing."""
    import signal

    def nothing(_number: int, _frame: object) -> None:
        pass

    def interrupt(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, nothing)
        signal.signal(signal.SIGINT, nothing)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)


def _ignore_signals() -> None:
    """Keep the signals from an interpreter that ends: it has no handlers any more."""
    import signal

    numbers = signal.SIGTERM, signal.SIGINT
    for number in numbers:
        signal.signal(number, lambda *_: None)
    # What has come is handled here: were it ignored now, Python would remark on it.
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _open_closed_streams() -> None:
    """Put the null device where the caller closed stdin, stdout or stderr (``>&-``).

    Python leaves None there, and the next file that is opened would take the number. The
    exit code must tell the verdict all the same.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()

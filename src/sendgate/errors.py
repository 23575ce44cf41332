"""Every error that a caller of sendgate may meet.

A DNS condition is never one of them: it is an `Answer` (see `sendgate.dns.answers`).

    SendgateError
    ├── InputError          what the user gave cannot be used (exit code 2)
    │   ├── DomainError     a text is not a domain name
    │   ├── AddressError    a text is not a mail address
    │   ├── ConfigError     sendgate.toml, an option or a variable has no such key or value
    │   ├── RenderError     one recipient's message cannot be made
    │   ├── SourceError     a zone file, recording, template or contact list cannot be read;
    │   │                   has file and line
    │   └── StoreOpenError  a store of campaigns cannot be opened: in use, newer, not a store
    ├── StoreError          the store cannot be written or read any more: nothing further is sent
    └── InternalError       a promise inside sendgate was broken (exit code 70)
"""

from __future__ import annotations

__all__ = [
    "AddressError",
    "ConfigError",
    "DomainError",
    "InputError",
    "InternalError",
    "RenderError",
    "SendgateError",
    "SourceError",
    "StoreError",
    "StoreOpenError",
]


class SendgateError(Exception):
    """The root of the tree."""


class InputError(SendgateError):
    """What the user gave cannot be used; the text says what, where, and what to do next."""


class DomainError(InputError):
    """A text is not a domain name (RFC 1035 section 2.3.4, RFC 5890)."""


class AddressError(InputError):
    """A text is not a mail address (RFC 5321 section 4.1.2, RFC 6531 section 3.3)."""


class RenderError(InputError):
    """One recipient's message cannot be made of the templates and its contact; others can."""


class ConfigError(InputError):
    """A configuration file, an option or an environment variable is wrong."""


class SourceError(InputError):
    """A zone file, a recording, a template or a contact list cannot be read.

    `where` is the file as the user named it, `line` is 1-based or None.
    """

    def __init__(self, message: str, where: str, line: int | None = None) -> None:
        self.where = where
        self.line = line
        place = where if line is None else f"{where}:{line}"
        super().__init__(f"{place}: {message}")


class StoreOpenError(InputError):
    """A store of campaigns cannot be opened: another process owns it, it is of a newer version."""


class StoreError(SendgateError):
    """The store cannot be written or read any more (disk full, I/O error).

    What cannot be recorded must not be done: whoever meets this sends no further final dot.
    """


class InternalError(SendgateError):
    """A promise inside sendgate was broken; never the user's fault."""

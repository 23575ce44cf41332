"""sendgate: tells before a campaign, a DNS change or a new provider breaks a company's mail.

The package is read from the bottom up: `names` and `errors`, then `dns` (answers as
values), then one package a protocol, then `audit`, which judges, then `render` and
`cli`. Importing this module loads nothing else.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]

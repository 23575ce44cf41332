r"""Proposals written for the tools that publish them.

    Proposal ──► write(name, changes) ──► a text that the tool takes as it is

Only the records to publish are data. What is removed is a comment, where the form has
comments and cannot say it otherwise; reasons are comments. DNS data never leaves its
quotes: comments are printable ASCII, strings are escaped as each form wants it.
"""

from __future__ import annotations

from sendgate.records.forms.write import FORMS, TERRAFORM, Heading, write

__all__ = ["FORMS", "TERRAFORM", "Heading", "write"]

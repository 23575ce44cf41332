"""What a receiver's reply means, as data: whose fault, which category, for how long.

    text of a log or a DSN ──reading──► Reply ──normal──► Evidence ──engine──► Classification
                                                 rules/*.toml ──rulebook──► RuleBook ┘

`classify` judges a reply by the first rule that applies, from a provider's own words down to
the class of the code. It is pure: no I/O but the reading of its own data, once, when first used.
"""

from __future__ import annotations

from sendgate.send.classify.engine import Classifier, classify, load_classifier
from sendgate.send.classify.normal import Evidence, normalise, retry_after
from sendgate.send.classify.reading import Diagnostic, read_diagnostic, read_reply_text
from sendgate.send.classify.rulebook import (
    Category,
    Classification,
    Rule,
    RuleBook,
    Scope,
    Stage,
    read_rules,
)

__all__ = [
    "Category",
    "Classification",
    "Classifier",
    "Diagnostic",
    "Evidence",
    "Rule",
    "RuleBook",
    "Scope",
    "Stage",
    "classify",
    "load_classifier",
    "normalise",
    "read_diagnostic",
    "read_reply_text",
    "read_rules",
    "retry_after",
]

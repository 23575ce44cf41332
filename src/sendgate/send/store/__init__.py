"""The store: what is to be sent, what was, and what may have been. One SQLite file.

    open_store ─► Store (the sender)      visit_store ─► Visit (status, pause, resolve …)

All SQL of sendgate is in this package.
"""

from __future__ import annotations

from sendgate.send.store.place import default_path, store_path
from sendgate.send.store.policies import PolicyShelf
from sendgate.send.store.rows import (
    Campaign,
    Counts,
    Entry,
    Exclusion,
    Lease,
    Leased,
    NewRecipient,
    Recipient,
    Resolution,
    Standing,
    StoredAudit,
    Suppression,
    UnknownRecipient,
    Unmatched,
)
from sendgate.send.store.store import Loader, Store, open_store
from sendgate.send.store.visit import Visit, visit_store

__all__ = [
    "Campaign",
    "Counts",
    "Entry",
    "Exclusion",
    "Lease",
    "Leased",
    "Loader",
    "NewRecipient",
    "PolicyShelf",
    "Recipient",
    "Resolution",
    "Standing",
    "Store",
    "StoredAudit",
    "Suppression",
    "UnknownRecipient",
    "Unmatched",
    "Visit",
    "default_path",
    "open_store",
    "store_path",
    "visit_store",
]

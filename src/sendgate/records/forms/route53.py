"""A change batch of Route 53: `aws route53 change-resource-record-sets --change-batch file://…`.

Every set is an UPSERT of the whole set; a set that is removed is a DELETE, for which Route
53 asks for its exact data and TTL. The batch is taken as a whole or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from sendgate.dns.answers import Address, Rdata, Txt
from sendgate.names import Domain
from sendgate.records.forms.common import Heading, comment, data_of, plain, quoted, unfit
from sendgate.records.plan import Change, RecordSet

__all__ = ["write"]

_MAX_COMMENT = 256  # characters that Route 53 takes


def write(changes: Iterable[Change], heading: Heading) -> str:
    """Write one change batch; removals come first, for a CNAME must go before others come."""
    every = sorted(changes, key=lambda change: change.kind != "remove")
    batch: dict[str, Any] = {
        "Comment": comment(" ".join(heading.lines))[:_MAX_COMMENT],
        "Changes": [
            {
                "Action": "DELETE" if change.after is None else "UPSERT",
                "ResourceRecordSet": _set(change.one),
            }
            for change in every
        ],
    }
    return json.dumps(batch, ensure_ascii=True, indent=2) + "\n"


def _set(records: RecordSet) -> dict[str, Any]:
    return {
        "Name": _name(records.name),
        "Type": records.rdtype,
        "TTL": records.ttl,
        "ResourceRecords": [{"Value": _value(records, data)} for data in records.data],
    }


def _name(name: Domain) -> str:
    r"""Write a name with `\DDD` in octal, as Route 53 does for what is no letter or digit."""
    return re.sub(r"\\([0-9]{3})", lambda m: f"\\{int(m[1]):03o}", plain(name))


def _value(records: RecordSet, data: Rdata) -> str:
    if isinstance(data, Address) and data.ip is None:
        why = "an alias is there, which only Route 53 itself can take away"
        raise unfit(records.name, records.rdtype, "route53", why)
    return quoted(data.strings, base=8) if isinstance(data, Txt) else data_of(data)

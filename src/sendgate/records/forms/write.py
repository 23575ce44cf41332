"""One door to all forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.records.forms import bind, dnscontrol, octodns, route53, terraform
from sendgate.records.forms.common import Heading, by_zone
from sendgate.records.plan import Change
from sendgate.spelling import nearest

__all__ = ["FORMS", "TERRAFORM", "Heading", "write"]

TERRAFORM = terraform.PROVIDERS
_WRITERS: dict[str, Callable[[Iterable[Change], Heading], str]] = {
    "bind": bind.write,
    "octodns": octodns.write,
    "dnscontrol": dnscontrol.write,
    "route53": route53.write,
}
FORMS = ("bind", "octodns", "dnscontrol", "terraform", "route53")
_ONE_ZONE = {
    "octodns": "a file of octoDNS is one zone",
    "route53": "a change batch is for one zone",
}


def write(form: str, changes: Iterable[Change], heading: Heading, *, provider: str = "aws") -> str:
    """Write changes in a form; `provider` is the DNS provider of ``terraform``.

    Raises `InputError` for a form or provider that is not known, for several zones where the
    form holds one, and for data that the form cannot hold.
    """
    taken = tuple(changes)
    if form not in FORMS:
        raise InputError(f"--as: {printable(form)} is no form{nearest(form, FORMS)} "
                         f"(there are {', '.join(FORMS)})")  # fmt: skip
    zones = by_zone(taken)
    if form in _ONE_ZONE and len(zones) > 1:
        names = " and ".join(map(str, zones))
        raise InputError(f"the records lie in {names}, and {_ONE_ZONE[form]}: "
                         "choose one with --in-zone NAME, and run again for the next")  # fmt: skip
    if form == "terraform":
        return terraform.write(provider, taken, heading)
    return _WRITERS[form](taken, heading)

"""What an expression of a Terraform configuration refers to in the end.

A plan keeps of each expression only the names in it. They are followed here: from a
variable to the argument of the module's call, from `each` to what `for_each` runs over,
from a module's output to what it is made of, and from a local value, of which a plan keeps
nothing, to all arguments of the module that it stands in.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sendgate.repo.readers.jsontext import Arr, Json, Obj
from sendgate.repo.readers.terraform_plan import config_of

__all__ = ["Leaf", "follow", "references"]

_MODULE = re.compile(
    r'(?P<call>module\.(?P<name>[\w-]+)(?:\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\])?)(?:\.(?P<output>[\w-]+))?'
)
_MAX_STEPS = 100  # from name to name through modules


@dataclass(frozen=True)
class Leaf:
    """The end of a trail: a resource, a whole module, or a variable of the root module.

    `module` are the names of the calls that lead to its module, `within` the call with its
    key (``module.site["a"]``) where the trail went through one instance. `sure` is False
    where it went through a local value: then it is one of several that may be meant.
    """

    reference: str
    module: tuple[str, ...]
    within: str = ""
    sure: bool = True


@dataclass(frozen=True)
class _Step(Leaf):
    """A name that is to be followed; `config` is what `each` would belong to."""

    config: Obj | None = None


def follow(
    whole: Obj, expression: Json, module: tuple[str, ...], config: Obj | None
) -> Iterator[Leaf]:
    """List what an expression of a module refers to, the nearest first."""
    pending = deque(_steps(expression, _Step("", module), config))
    for _ in range(_MAX_STEPS):
        if not pending:
            return
        step = pending.popleft()
        head, _dot, rest = step.reference.partition(".")
        if head == "var" and step.module:
            pending.extend(_argument(whole, re.split(r"[.\[]", rest)[0], step))
        elif head == "local":
            pending.extend(_argument(whole, None, replace(step, sure=False)))
        elif head == "each":
            inner = step.config.get("for_each_expression") if step.config else None
            pending.extend(_steps(inner, step, None))
        elif head == "module":
            found = list(_output(whole, step))
            if found and isinstance(found[0], _Step):
                pending.extend(item for item in found if isinstance(item, _Step))
            else:
                yield from found
        else:
            yield Leaf(step.reference, step.module, step.within, step.sure)


def references(expression: Json) -> list[str]:
    """List the names in an expression."""
    given = expression.get("references") if isinstance(expression, Obj) else None
    return [item for item in given if isinstance(item, str)] if isinstance(given, Arr) else []


def _steps(expression: Json, at: _Step, config: Obj | None) -> Iterator[_Step]:
    for reference in references(expression)[:_MAX_STEPS]:
        yield replace(at, reference=reference, config=config)


def _argument(whole: Obj, name: str | None, step: _Step) -> Iterator[_Step]:
    """Go from a variable to what the module's call gives for it; from a local one, to all."""
    if not step.module:
        return
    parent = config_of(whole, step.module[:-1])
    calls = parent.get("module_calls") if parent else None
    call = calls.get(step.module[-1]) if isinstance(calls, Obj) else None
    given = call.get("expressions") if isinstance(call, Obj) else None
    if not isinstance(call, Obj) or not isinstance(given, Obj):
        return
    for expression in [given.get(name)] if name is not None else list(given.values()):
        yield from _steps(expression, replace(step, module=step.module[:-1]), call)


def _output(whole: Obj, step: _Step) -> Iterator[Leaf]:
    """Go from an output of a module to what it is made of; without one, to the module."""
    match = _MODULE.match(step.reference)
    if match is None:
        return
    module = (*step.module, match["name"])
    within = match["call"] if "[" in match["call"] else step.within
    inner = config_of(whole, module) if match["output"] else None
    outputs = inner.get("outputs") if inner else None
    output = outputs.get(match["output"]) if isinstance(outputs, Obj) else None
    expression = output.get("expression") if isinstance(output, Obj) else None
    if references(expression):
        yield from _steps(expression, replace(step, module=module, within=within), None)
    else:
        yield Leaf("", module, within, step.sure)

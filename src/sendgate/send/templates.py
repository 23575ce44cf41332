"""Templates: read once with all they include, checked against the columns, then rendered.

    files ─► read_templates ─► {name: text} ─► Templates ─► check(columns) ─► render

Jinja2's sandbox runs them, so a contact's data can reach nothing but text, and a name that
nobody defined is an error instead of a gap. HTML templates escape what they insert.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.errors import InputError, RenderError, SourceError
from sendgate.files import why
from sendgate.names import printable
from sendgate.spelling import nearest

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

__all__ = ["SUBJECT", "TemplateSource", "Templates", "read_templates", "rendered"]

SUBJECT = "message.subject"  # the name of the subject's template in errors
MAX_TEMPLATE_OCTETS = 2_000_000

TemplateSource = Mapping[str, str]
"""Every template a campaign uses, by the name by which it is used."""

_FILE = "template:"  # opens the file name of compiled templates, so that tracebacks tell them
_GUARD_FILTERS = {"default", "d"}
_GUARD_TESTS = {"defined", "undefined"}


def read_templates(folder: Path, names: Collection[str]) -> dict[str, str]:
    """Read these templates, and all that they include, import or extend, from below `folder`.

    Raises `SourceError` with file and line where one cannot be read or is no template.
    """
    environment = _environment({}, escaped=False)
    texts: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        texts[name] = _read(folder / name)
        waiting += _references(environment, texts[name], str(folder / name))
    return dict(sorted(texts.items()))


class Templates:
    """The subject and the parts of a campaign's message, compiled.

    `sources` holds every template by name; `html` and `text` name two of them. Raises
    `SourceError` where one does not compile.
    """

    def __init__(
        self, subject: str, html: str | None, text: str | None, sources: TemplateSource
    ) -> None:
        self._sources = {SUBJECT: subject, **sources}
        self._entries = [(SUBJECT, False)]
        self._entries += [(html, True)] if html is not None else []
        self._entries += [(text, False)] if text is not None else []
        environments = {e: _environment(self._sources, escaped=e) for e in (False, True)}
        self._plain = environments[False]
        self.subject = _compiled(self._plain, SUBJECT)
        self.html = None if html is None else _compiled(environments[True], html)
        self.text = None if text is None else _compiled(self._plain, text)
        for name in self._sources:  # what is included is compiled now too, not at a recipient
            _compiled(self._plain, name)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names that the templates take from a contact, needed or optional."""
        return frozenset(name for _, name, _ in self._free_names())

    def check(self, columns: Collection[str]) -> None:
        """Raise `InputError` naming each variable that no column gives, with template and line.

        A name that a template tests (``is defined``) or gives a ``default`` may be missing.
        """
        faults = [
            f"{template}:{line}: no column gives {printable(name)}{nearest(name, columns)}"
            for template, name, line in self._free_names(required=True)
            if name not in columns
        ]
        if faults:
            raise InputError("; ".join(faults))

    def _free_names(self, *, required: bool = False) -> list[tuple[str, str, int]]:
        """Each (template, name, first line) that is used and set nowhere."""
        from jinja2 import meta, nodes

        trees = {name: self._plain.parse(text, name) for name, text in self._sources.items()}
        entries = {name for name, _ in self._entries}
        assigned = {
            node.name
            for tree in trees.values()
            for node in tree.find_all(nodes.Name)
            if node.ctx != "load"
        }
        found = []
        for template, tree in trees.items():
            free = meta.find_undeclared_variables(tree)
            if template not in entries:
                free -= assigned  # what is included sees what the includer has set
            guarded = _guarded(tree) if required else set()
            for name in sorted(free - guarded):
                lines = [n.lineno for n in tree.find_all(nodes.Name) if n.name == name]
                found.append((template, name, min(lines, default=1)))
        return found


def rendered(template: jinja2.Template, values: Mapping[str, object]) -> str:
    """Render for one contact; raise `RenderError` with the template and line of what failed."""
    try:
        return template.render(values)
    except Exception as error:  # noqa: BLE001 - a template is a program: it may raise anything
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise RenderError(f"{_place_of(error, template)}: {why}") from None


def _place_of(error: Exception, template: jinja2.Template) -> str:
    """Where a template failed; Jinja2 rewrites tracebacks so that they name its lines."""
    step, place = error.__traceback__, str(template.name)
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(_FILE):
            place = f"{file.removeprefix(_FILE)}:{step.tb_lineno}"
        step = step.tb_next
    return place


def _environment(sources: TemplateSource, *, escaped: bool) -> jinja2.Environment:
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def load(name: str) -> tuple[str, str, None] | None:
        return (sources[name], _FILE + name, None) if name in sources else None

    environment = ImmutableSandboxedEnvironment(
        autoescape=escaped,
        undefined=StrictUndefined,
        loader=FunctionLoader(load),
        auto_reload=False,
        cache_size=-1,
        keep_trailing_newline=True,
    )
    # A recipient's message is the same at every attempt, and when it is judged.
    del environment.filters["random"], environment.globals["lipsum"]
    return environment


def _compiled(environment: jinja2.Environment, name: str) -> jinja2.Template:
    from jinja2 import TemplateError, TemplateSyntaxError

    try:
        template = environment.get_template(name)
    except TemplateSyntaxError as error:
        raise SourceError(error.message or "not a template", name, error.lineno) from None
    except TemplateError as error:
        raise SourceError(str(error), name) from None
    template.globals = dict(template.globals)  # its chain of maps is slow, and nothing changes
    return template


def _references(environment: jinja2.Environment, text: str, path: str) -> Iterator[str]:
    from jinja2 import TemplateSyntaxError, meta

    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        raise SourceError(error.message or "not a template", path, error.lineno) from None
    for name in meta.find_referenced_templates(tree):
        if name is None:
            raise SourceError("includes a template whose name is not written out", path)
        yield name


def _guarded(tree: nodes.Template) -> set[str]:
    """The names whose absence a template provides for."""
    from jinja2 import nodes

    guards: list[nodes.Filter | nodes.Test] = [
        f for f in tree.find_all(nodes.Filter) if f.name in _GUARD_FILTERS
    ]
    guards += [t for t in tree.find_all(nodes.Test) if t.name in _GUARD_TESTS]
    return {guard.node.name for guard in guards if isinstance(guard.node, nodes.Name)}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TEMPLATE_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise SourceError(f"the template cannot be read: {why(error)}", str(path)) from None
    if len(raw) > MAX_TEMPLATE_OCTETS:
        raise SourceError(f"the template has more than {MAX_TEMPLATE_OCTETS} octets", str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceError("the template is not UTF-8 text", str(path), line) from None
    return text

"""Templates: read with what they include, checked before the first message, sandboxed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendgate.errors import InputError, RenderError, SourceError
from sendgate.send.templates import Templates, read_templates, rendered


def html(source: str, subject: str = "Hello", **others: str) -> Templates:
    return Templates(subject, "a.html", None, {"a.html": source, **others})


def faults(templates: Templates, *columns: str) -> str:
    with pytest.raises(InputError) as caught:
        templates.check(columns)
    return str(caught.value)


def test_all_that_a_template_includes_is_read(tmp_path: Path) -> None:
    """Included, imported and extended templates are part of the campaign."""
    for name, text in {
        "a.html": '{% extends "base.html" %}{% block b %}{% include "part.html" %}{% endblock %}',
        "base.html": '{% import "m.html" as m %}{% block b %}{% endblock %}',
        "part.html": "part",
        "m.html": "{% macro x() %}{% endmacro %}",
        "other.html": "not used",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert sorted(read_templates(tmp_path, ["a.html"])) == [
        "a.html", "base.html", "m.html", "part.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"one\n{% if %}", "a.html:2: "),
        (b"one\ntwo\n{{ x | nofilter }}", "a.html:3: No filter named 'nofilter'"),
        (b"one\ncaf\xe9", "a.html:2: the template is not UTF-8"),
        (b"{% include name %}", "whose name is not written out"),
        (b'{% include "gone.html" %}', "gone.html: the template cannot be read"),
        (b"x" * 2_000_001, "more than 2000000 octets"),
    ],
)
def test_a_template_that_is_none_is_named_with_its_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    """Syntax, encoding, size, a missing include: refused before anything is sent."""
    (tmp_path / "a.html").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        Templates("Hello", "a.html", None, read_templates(tmp_path, ["a.html"]))


def test_each_variable_without_a_column_is_named_with_template_and_line() -> None:
    """All of them at once, the subject's too, with the nearest column."""
    templates = html("{{ email }}\n\n{{ frist_name }} {{ city }}", subject="Hi {{ first_nam }}")
    assert faults(templates, "email", "first_name") == (
        "message.subject:1: no column gives 'first_nam'; did you mean 'first_name'?; "
        "a.html:3: no column gives 'city'; "
        "a.html:3: no column gives 'frist_name'; did you mean 'first_name'?"
    )
    templates.check(["email", "frist_name", "city", "first_nam", "more"])
    assert templates.needs == {"email", "frist_name", "city", "first_nam"}


def test_what_a_template_provides_for_may_be_missing() -> None:
    """A default, a test for being defined, a variable of its own, a loop's."""
    templates = html(
        "{{ a | default('x') }}{% if b is defined %}{{ b }}{% endif %}"
        "{% set c = 1 %}{{ c }}{% for d in [1] %}{{ d }}{{ loop.index }}{% endfor %}"
        '{% set e = 1 %}{% include "part" %}',
        part="{{ e }}",
    )
    templates.check([])
    assert templates.needs >= {"a", "b"}
    assert "part:1: no column gives 'f'" in faults(html('{% include "part" %}', part="{{ f }}"))


def test_html_escapes_what_it_inserts_and_text_does_not() -> None:
    """A contact's data is text in HTML, never markup."""
    templates = Templates("{{ x }}", "h", "t", {"h": "{{ x }}", "t": "{{ x }}"})
    assert templates.html is not None
    assert templates.text is not None
    values = {"x": "<b>\"'&"}
    assert rendered(templates.html, values) == "&lt;b&gt;&#34;&#39;&amp;"
    assert rendered(templates.text, values) == "<b>\"'&"
    assert rendered(templates.subject, values) == "<b>\"'&"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("one\n{{ x.__class__ }}", "a.html:2: access to attribute '__class__'"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("one\n{{ x.y }}", "a.html:2: 'str object' has no attribute 'y'"),
        ("one\n\n{{ 1 // 0 }}", "a.html:3: "),
        ("{{ x.format.__globals__ }}", "unsafe"),
        ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
        ("{{ missing }}", "'missing' is undefined"),
        ('one\n{% include "part" %}', "part:2: integer division"),
    ],
)
def test_a_render_that_fails_names_template_and_line(source: str, said: str) -> None:
    """Whatever is raised within a template, out of the sandbox or not, is one row's error."""
    template = html(source, part="\n{{ 1 // 0 }}").html
    assert template is not None
    with pytest.raises(RenderError, match=said.replace("[", "\\[")) as caught:
        rendered(template, {"x": "data"})
    assert "\n" not in str(caught.value)


def test_data_is_never_a_template() -> None:
    """What looks like a template in a contact's cell stays text."""
    template = html("{{ x }}").html
    assert template is not None
    assert rendered(template, {"x": "{{ 7 * 7 }}{% for %}"}) == "{{ 7 * 7 }}{% for %}"

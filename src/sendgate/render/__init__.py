"""Renderers: each a pure function of a report. What a form looks like is said here alone.

`safe` is the one way for a foreign text onto a page; `page` holds lines with styles and
prints them with or without colour; `text` and `json` are the forms, `repository` those of a
repository. `batch` is what the forms for CI show, `forms` lists these.
"""

"""The names that SVG Tiny PS has: its elements, and the attributes that stand at any of them.

They are those of the schema SVG_1.2_PS.rng and, as the draft leaves what it does not mention
to it, of SVG Tiny 1.2. Which attribute belongs to which element is not said here: the schema
itself gives a glyph no outline.
"""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ELEMENTS"]

ELEMENTS = frozenset(
    {
        "title", "desc", "metadata", "defs", "g", "use", "path", "rect", "circle", "ellipse",
        "line", "polyline", "polygon", "text", "textArea", "linearGradient", "radialGradient",
        "stop", "solidColor", "font", "font-face", "glyph", "hkern",
    }
)  # fmt: skip

_ROOT = {
    "baseProfile", "contentScriptType", "externalResourcesRequired", "focusable", "height",
    "playbackOrder", "preserveAspectRatio", "snapshotTime", "timelineBegin", "version", "viewBox",
    "width", "zoomAndPan",
}  # fmt: skip
_COMMON = {
    "about", "class", "content", "datatype", "id", "property", "rel", "resource", "rev", "role",
    "typeof", "requiredExtensions", "requiredFeatures", "requiredFonts", "requiredFormats",
    "systemLanguage",
}  # fmt: skip
_LOOKS = {
    "buffered-rendering", "color", "color-rendering", "direction", "display", "display-align",
    "fill", "fill-opacity", "fill-rule", "font-family", "font-size", "font-style", "font-variant",
    "font-weight", "image-rendering", "line-increment", "pointer-events", "shape-rendering",
    "solid-color", "solid-opacity", "stop-color", "stop-opacity", "stroke", "stroke-dasharray",
    "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
    "stroke-opacity", "stroke-width", "text-align", "text-anchor", "text-rendering",
    "unicode-bidi", "vector-effect", "viewport-fill", "viewport-fill-opacity", "visibility",
}  # fmt: skip
_SHAPES = {
    "cx", "cy", "d", "gradientUnits", "height", "href", "offset", "pathLength", "points", "r",
    "rotate", "rx", "ry", "transform", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip
_FONTS = {
    "accent-height", "accented-height", "alphabetic", "arabic-form", "ascent", "bbox",
    "cap-height", "descent", "font-stretch", "g1", "g2", "glyph-name", "hanging", "horiz-adv-x",
    "horiz-origin", "horiz-origin-x", "ideographic", "k", "lang", "mathematical",
    "overline-position", "overline-thickness", "panose-1", "slope", "stemh", "stemv",
    "strikethrough-position", "strikethrough-thickness", "u1", "u2", "underline-position",
    "underline-thickness", "unicode", "unicode-range", "units-per-em", "widths", "x-height",
}  # fmt: skip
ATTRIBUTES = frozenset(_ROOT | _COMMON | _LOOKS | _SHAPES | _FONTS)

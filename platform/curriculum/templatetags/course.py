"""What the course's templates need beyond Django: rendered texts, bilingual values, marks."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from curriculum import languages
from curriculum.allowance import Allowance, TooCostly
from curriculum.markdown import (
    render_learners_python,
    render_markdown,
    render_numbered,
    render_python,
)

register = template.Library()

HIGHLIGHT_S = 0.5

# Paths of 24 by 24 icons, drawn as strokes.
_ICONS = {
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "cross": "M6.5 6.5l11 11M17.5 6.5l-11 11",
    "half": "M4 12h16M12 4v16",
    "slow": "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7v5l3.5 2",
    "alert": "M12 4L2.8 20h18.4zM12 10v4.5M12 17.3v.2",
    "circle": "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16",
    "begun": "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16v16",
    "medal": "M12 9a6 6 0 1 0 0 12a6 6 0 1 0 0-12M8.5 10L5.5 3M15.5 10l3-7M12 13v4",
    "play": "M7 5l12 7l-12 7z",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "down": "M6 9.5l6 6l6-6",
    "arrow": "M5 12h14M13 6l6 6l-6 6",
    "sun": "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2"
    "M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
    "moon": "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
    "contrast": "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17v17",
}


@register.simple_tag
def icon(name: str, css_class: str = "") -> SafeString:
    """Return the named mark as inline SVG; it is decoration, so a word must stand beside it."""
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>',
        css_class,
        _ICONS[name],
    )


@register.filter
def markdown(text: str) -> SafeString:
    """Render a statement; ``render_markdown`` escapes whatever is not Markdown."""
    return mark_safe(render_markdown(text))


@register.filter
def python(source: str) -> SafeString:
    """Highlight code; Pygments escapes it."""
    return mark_safe(render_python(source))


@register.filter
def numbered_python(source: str) -> SafeString:
    """Show a learner's code with line numbers, highlighted if that is quickly done."""
    try:
        return mark_safe(render_learners_python(source, Allowance(HIGHLIGHT_S), numbered=True))
    except TooCostly:
        said = _("Shown without colours: this text is too long, or takes too long, to highlight.")
        shown = mark_safe(render_numbered(source))
        return format_html('<p class="small muted">{}</p>\n{}', said, shown)


@register.filter
def pick(text: Mapping[str, str] | None) -> str:
    """Return the reader's half of a bilingual value."""
    return languages.pick(text)

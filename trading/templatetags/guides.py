"""Links from a page to the guide that explains it."""

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def guide(slug: str, text: str, anchor: str = "") -> SafeString | str:
    """A link to the page `slug` of the help, at `anchor`; nothing where there is no help."""
    try:
        address = reverse("help_page", args=[slug])
    except NoReverseMatch:
        return ""
    return format_html(
        '<a class="guide" href="{}{}">{}</a>', address, f"#{anchor}" if anchor else "", text
    )


_IGNORED = {
    "unsupported_platform": "The message names another platform. To have it taken, leave "
    "“platform” out.",
    "no_open_position": "It was an exit without a quantity, and nothing was open. Nothing to mend.",
}


@register.filter
def why_ignored(code: str) -> str:
    """Why an alert that was understood made no order, and what to do about it."""
    return _IGNORED.get(code, "It was understood and not wanted.")

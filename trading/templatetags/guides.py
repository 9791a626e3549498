"""Words and links that explain what a page shows."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def guide(slug: str, text: str, anchor: str = "") -> SafeString:
    """A link to the page `slug` of the handbook, at `anchor`."""
    return format_html('<a class="guide" href="{}">{}</a>', guide_address(slug, anchor), text)


def guide_address(slug: str, anchor: str = "") -> str:
    """The address of the handbook's page `slug`."""
    address = reverse("help_page", args=[slug])
    return f"{address}#{anchor}" if anchor else address


_IGNORED = {
    "unsupported_platform": "The message names another platform. To have it taken, leave "
    "“platform” out.",
    "no_open_position": "It was an exit without a quantity, and nothing was open. Nothing to mend.",
}


@register.filter
def why_ignored(code: str) -> str:
    """Why an alert that was understood made no order, and what to do about it."""
    return _IGNORED.get(code, "It was understood and not wanted.")

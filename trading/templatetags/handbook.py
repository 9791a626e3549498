"""Ways from the pages into the handbook."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from trading.web import handbook

register = template.Library()

# The page of the app → the page of the handbook, and what of it.
_HERE = {
    "dashboard": "pages",
    "queue": "queue",
    "together": "queue",
    "orders": "pages",
    "order": "order-lifecycle",
    "alert": "webhook",
    "alerts": "webhook",
    "alert_test": "tradingview",
    "message_builder": "tradingview",
    "positions": "pages",
    "analytics": "analytics",
    "risk": "risk-controls",
    "what_if": "what-if",
    "settings": "operations",
    "notices": "notifications",
    "notice_add": "notifications",
    "notice_channel": "notifications",
    "password": "operations",
    "second_factor": "operations",
}


@register.simple_tag(takes_context=True)
def help_here(context: dict[str, Any]) -> str:
    """The address of the help that fits the page shown; the contents where none does."""
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    slug = _HERE.get(match.url_name or "", "") if match else ""
    if slug in handbook.slugs():
        return reverse("help_page", args=[slug])
    return reverse("help")


@register.simple_tag
def fix_link(code: str, text: str = "What to do") -> SafeString | str:
    """A link to where the code is explained; nothing for a code that no page knows."""
    url = handbook.fix_url(str(code))
    if not url:
        return ""
    return format_html(
        '<a class="fix-link" href="{}">{}<span class="sr"> about {}</span></a>', url, text, code
    )

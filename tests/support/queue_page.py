"""What a test does on the queue and reads there."""

import re

from django.contrib.messages import get_messages
from django.urls import reverse

from tests.web.conftest import HX
from trading.models import Order


def text_of(response) -> str:
    return response.content.decode()


def said(response) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def post(desk, name, order, *, htmx=False, **data):
    headers = HX if htmx else {}
    return desk.client.post(reverse(name, args=[order.pk]), data, headers=headers)


def row_of(page: str, order: Order) -> str:
    start = page.index(f'id="order-{order.pk}"')
    return re.split(r'<li id="order-|</ol>', page[start:])[0]

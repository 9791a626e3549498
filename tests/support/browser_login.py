"""A browser at the settings page, and on its way through Zerodha's login."""

from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from brokers.connections import settle
from brokers.models import BrokerConnection
from tests.support.kite import API_KEY, API_SECRET


def connection(root: str = "", name: str = "sim", **fields: object) -> BrokerConnection:
    """An account of the simulator's app; `root`: where it is, "" for Kite itself."""
    made = BrokerConnection(name=name, api_key=API_KEY, api_root=root)
    made.api_secret = API_SECRET
    settle(made)
    for field, value in fields.items():
        setattr(made, field, value)
    made.save()
    return made


def texts(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def page_of(client: Client, name: str = "settings") -> str:
    return unescape(client.get(reverse(name)).content.decode())


def come_back(client: Client, kite, address: str, user: str = "SIM001", **changed: str):
    """What Kite does after the login page: the browser at our callback."""
    given = parse_qs(parse_qs(urlsplit(address).query)["redirect_params"][0])
    values = {
        "action": "login",
        "status": "success",
        "request_token": kite.request_token(user),
        "state": given["state"][0],
        **changed,
    }
    return client.get(f"{reverse('zerodha_callback')}?{urlencode(values)}")


def log_in(client: Client, kite, account: BrokerConnection):
    begun = client.get(reverse("zerodha_login"), {"connection": account.pk})
    return come_back(client, kite, begun.url)

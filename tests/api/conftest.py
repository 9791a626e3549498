"""The API as a user with a token calls it."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.authtoken.models import Token

from brokers.accounts import ensure_paper_account


@pytest.fixture
def user(db):
    return get_user_model().objects.create_superuser("asha", password="a long enough one")


@pytest.fixture
def account(db):
    return ensure_paper_account()


class Api:
    """`api.get("orders/")`, `api.post("orders/1/execute/", {...})`: JSON, by token."""

    def __init__(self, client, token):
        self._client = client
        self.headers = {"Authorization": f"Token {token}"}

    def call(self, method, path, body=None, *, raw=None, key=None, **extra):
        headers = dict(self.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        address = path if path.startswith(("/", "http")) else f"/api/{path}"
        return self._client.generic(
            method, address, data, content_type="application/json", headers=headers, **extra
        )

    def get(self, path, **parameters):
        return self._client.get(
            path if path.startswith(("/", "http")) else f"/api/{path}",
            parameters or None,
            headers=self.headers,
        )

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path):
        return self.call("DELETE", path)


def api_of(client, user):
    return Api(client, Token.objects.get_or_create(user=user)[0].key)


@pytest.fixture
def api(client, user):
    return api_of(client, user)


@pytest.fixture
def make_api(user):
    """`make_api()` for threads: each has a client of its own."""
    token = Token.objects.create(user=user).key
    return lambda: Api(Client(), token)

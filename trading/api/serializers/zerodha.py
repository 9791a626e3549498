"""Logging in at Zerodha."""

from typing import Any

from rest_framework import serializers

from trading.api.serializers.fields import InputSerializer, UtcField


class LoginUrlSerializer(serializers.Serializer[Any]):
    """Where a person logs in: good once, for ten minutes, and for the user who asked."""

    login_url = serializers.CharField()


class RequestTokenSerializer(InputSerializer):
    """What Zerodha sent the browser back with."""

    request_token = serializers.CharField(
        max_length=2000,
        write_only=True,
        help_text="The request token, or the whole address that Zerodha redirected to.",
    )


class SessionSerializer(serializers.Serializer[Any]):
    """Whether the account is logged in: then with its user, else with `error`."""

    connection = serializers.CharField()
    connected = serializers.BooleanField()
    updated_at = UtcField(help_text="When the account last logged in, or was last changed.")
    expires_at = UtcField(allow_null=True)
    user_id = serializers.CharField(required=False)
    user_name = serializers.CharField(required=False)
    error = serializers.CharField(required=False)


class DisconnectedSerializer(serializers.Serializer[Any]):
    """`revoked`: Zerodha has ended the session too."""

    connected = serializers.BooleanField()
    revoked = serializers.BooleanField()
    message = serializers.CharField()

"""What this API is: name and version, the schema, the page that shows it."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema, inline_serializer
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.base import ApiView


class Root(ApiView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="about",
        auth=[],
        responses=inline_serializer(
            "About",
            {
                "name": serializers.CharField(),
                "version": serializers.CharField(),
                "environment": serializers.CharField(),
            },
        ),
    )
    def get(self, request: Request) -> Response:
        """Name, version and environment."""
        return Response(
            {
                "name": "SigmaTrader API",
                "version": settings.VERSION,
                "environment": settings.ST.ENVIRONMENT,
            }
        )


class Schema(SpectacularAPIView):
    """JSON unless YAML is asked for."""

    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]
    authentication_classes = ()
    permission_classes = (AllowAny,)


class Unknown(ApiView):
    """Any other address under /api/: 404 as JSON."""

    schema = None
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is no such address. See /api/docs/.")


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The schema as a page, with everything that it needs from this server."""
    return render(request, "api/docs.html")

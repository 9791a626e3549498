"""What a library puts into the admin and must not stand there."""

from django.contrib import admin
from django_otp.plugins.otp_static.models import StaticDevice

# Recovery codes are made by their owner alone, and shown once.
admin.site.unregister(StaticDevice)

"""The users; and what a library puts into the admin and must not stand there."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django_otp.plugins.otp_static.models import StaticDevice

# Recovery codes are made by their owner alone, and shown once.
admin.site.unregister(StaticDevice)

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Django's, but when somebody joined and was last here is no field to fill in."""

    readonly_fields = ("last_login", "date_joined")
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")

"""The browser sessions of a user."""

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session


def end_others(user: AbstractUser | AnonymousUser, mine: SessionBase) -> int:
    """Log `user` out everywhere but in `mine`, which gets a new key; how many were ended."""
    mine.cycle_key()
    theirs = [
        one.session_key
        for one in Session.objects.iterator()
        if one.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    others = Session.objects.filter(session_key__in=theirs).exclude(session_key=mine.session_key)
    return others.delete()[0]

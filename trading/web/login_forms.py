"""Logging in, and the codes of a second factor."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from sigmatrader import second_factor

LONGEST_USER_NAME = 150


class CodeField(forms.CharField):
    """A code of the authenticator app, or a recovery code; what is wrong with it is said later."""

    widget = forms.TextInput(
        attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
    )

    def __init__(self, **kwargs: Any) -> None:
        values = {
            "label": "Code of your second factor",
            "max_length": second_factor.LONGEST_CODE,
            "required": False,
        }
        super().__init__(**{**values, **kwargs})


class LoginForm(AuthenticationForm):
    """Name and password, and a code of whoever has a second factor.

    Refuses a user name that no user can have before anything is looked up or recorded.
    """

    code = CodeField(help_text="Empty if you have set up none.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not second_factor.in_use():
            del self.fields["code"]

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if len(name) > LONGEST_USER_NAME:
            raise forms.ValidationError(f"A user name has at most {LONGEST_USER_NAME} letters.")
        return name

    def confirm_login_allowed(self, user: User) -> None:
        """After the right password: the code. A wrong one counts as a failed login."""
        super().confirm_login_allowed(user)
        code = self.cleaned_data.get("code", "")
        if error := second_factor.verify(user, code):
            if code:
                user_login_failed.send(
                    sender=__name__,
                    credentials={"username": user.get_username()},
                    request=self.request,
                )
            raise forms.ValidationError({"code": error})


class CodeForm(forms.Form):
    """A code that `check` looks at: it returns what is wrong, "" for nothing."""

    code = CodeField(label="Code")

    def __init__(self, data: Any = None, *, check: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._check = check

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        # A right code is used up by the look at it: only when all else is right.
        if not self.errors and (error := self._check(values.get("code", ""))):
            self.add_error("code", error)
        return values


class GuardedCodeForm(CodeForm):
    """A code and the password: a session that was left open is not enough."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Enter the password that you log in with."},
    )
    field_order = ("password", "code")

    def __init__(self, data: Any = None, *, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._request = request

    @sensitive_variables()
    def clean_password(self) -> str:
        return _own_password(self._request, self.cleaned_data["password"])


class NewPasswordForm(PasswordChangeForm):
    """One's own password, and a new one twice."""

    def __init__(self, data: Any = None, *, request: HttpRequest) -> None:
        super().__init__(cast(User, request.user), data, auto_id="id_new_%s")
        self._request = request
        labels = ("Your password now", "New password", "New password again")
        for field, label in zip(self.fields.values(), labels, strict=True):
            field.label = label
            field.help_text = ""
            field.error_messages["required"] = "Enter it."
        self.fields["new_password1"].help_text = (
            "At least 10 characters, and not one that many people use. Example: four words that "
            "only you would put together."
        )

    @sensitive_variables()
    def clean_old_password(self) -> str:
        return _own_password(self._request, self.cleaned_data["old_password"])


@sensitive_variables()
def _own_password(request: HttpRequest, password: str) -> str:
    """`password`, if it is the user's. Wrong ones count towards the lock-out, as at the login."""
    name = {get_user_model().USERNAME_FIELD: request.user.get_username()}
    if authenticate(request, password=password, **name) is None:
        raise forms.ValidationError("This is not your password.")
    return password

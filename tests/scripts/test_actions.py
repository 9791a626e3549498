"""What the pages offer is compared with what the browser tests did."""

from tests.support import actions

TEMPLATE = """
<form method="post" action="{% url 'queue' %}" class="x">
  <button formaction="{% url 'together' %}">Several</button>
  <button hx-post="{% url 'order_cancel' order.pk %}">Cancel</button>
</form>
<form action="{% if found %}{% url 'help' %}{% else %}{% url 'what_if' %}{% endif %}"></form>
<a href="{% url 'alerts' %}">Alerts</a>
"""


def test_forms_and_buttons_are_found_with_their_method(tmp_path):
    (tmp_path / "page.html").write_text(TEMPLATE)
    assert actions.offered(tmp_path) == {
        ("POST", "queue"),
        ("POST", "together"),
        ("POST", "order_cancel"),
        ("GET", "help"),
        ("GET", "what_if"),
    }


def test_what_was_done_on_one_size_is_missing_on_the_other(tmp_path):
    everything = {f"wide {method} {name}" for method, name in actions.offered()}
    asked = {f"wide GET {name}" for name in actions.addresses()}
    (tmp_path / "1").write_text("\n".join(sorted(everything)))
    (tmp_path / "2").write_text("\n".join(sorted(asked)))
    assert actions.never_done(tmp_path, ("wide",)) == []
    (tmp_path / "1").write_text("\n".join(sorted(everything - {"wide POST halt"})))
    assert actions.never_done(tmp_path, ("wide",)) == ["POST halt (wide)"]
    assert "POST halt (phone)" in actions.never_done(tmp_path, ("phone",))


def test_a_page_that_nobody_opened_is_missing(tmp_path):
    (tmp_path / "1").write_text("")
    missing = actions.never_done(tmp_path, ())
    assert "orders_csv (at all)" in missing
    assert len(missing) == len(actions.addresses())

"""manage.py sendalert against a running server."""

import json

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from brokers.accounts import ensure_paper_account
from tests.factories import StrategyFactory
from tests.webhook.conftest import SECRET, alert
from trading.management.commands.sendalert import SAMPLES, _own_url
from trading.models import Alert, Order
from trading.services import webhook_secrets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_backends]


@pytest.fixture
def url(live_server, monkeypatch):
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["*"])
    webhook_secrets.create(SECRET)
    ensure_paper_account()
    return f"{live_server.url}/webhook/tradingview"


def sent(capsys, *arguments):
    """The lines that the command prints: [(status, answer)]."""
    call_command("sendalert", *arguments)
    lines = [line.partition(" ") for line in capsys.readouterr().out.splitlines()]
    return [(int(status), json.loads(answer)) for status, _, answer in lines]


@pytest.mark.parametrize("name", ["entry", "limit", "auto"])
def test_a_sample_becomes_an_order(name, url, capsys):
    [(status, answer)] = sent(capsys, "--sample", name, "--url", url)
    assert (status, answer["status"]) == (201, "accepted")
    assert Order.objects.get(pk=answer["order_id"]).warnings == [
        f"The strategy “{Alert.objects.get().strategy_name}” is not known here: "
        "add it in the admin for AUTO."
    ]


def test_a_sample_of_an_auto_strategy_is_queued(url, capsys):
    StrategyFactory(name="sample-auto", execution_mode="AUTO")
    [(_, answer)] = sent(capsys, "--sample", "auto", "--url", url)
    assert (answer["mode"], answer["order_status"]) == ("AUTO", "QUEUED")


def test_an_exit_sample_is_understood(url, capsys):
    [(status, answer)] = sent(capsys, "--sample", "exit", "--url", url)
    assert (status, answer["code"]) == (200, "no_open_position")


def test_every_sample_is_tried_here():
    assert {path.stem for path in SAMPLES.glob("*.json")} == {"entry", "exit", "limit", "auto"}


def test_count_sends_so_many_alerts(url, capsys):
    answers = sent(capsys, "--sample", "entry", "--url", url, "--count", "3")
    assert [status for status, _ in answers] == [201, 201, 201]
    assert Order.objects.count() == 3


def test_a_strategys_own_secret_is_used(url, capsys):
    webhook_secrets.create(strategy=StrategyFactory(name="sample"))
    assert sent(capsys, "--sample", "entry", "--url", url)[0][0] == 201


def test_a_file_goes_as_it_is_as_text_when_it_is_no_json(url, capsys, tmp_path):
    good = tmp_path / "good.json"
    good.write_text(json.dumps(alert()))
    assert sent(capsys, str(good), "--url", url)[0][0] == 201
    text = tmp_path / "text.txt"
    text.write_text("Alert! " + json.dumps(alert(interval="15")))
    assert sent(capsys, str(text), "--url", url)[0][0] == 201
    assert Alert.objects.get(interval="15").repaired


def test_a_refusal_is_printed_and_fails(url, capsys, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(alert(secret="wrong")))
    with pytest.raises(CommandError, match="1 of 1 not accepted"):
        call_command("sendalert", str(wrong), "--url", url)
    assert capsys.readouterr().out.startswith("401 ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "required"),
        (("nowhere.json",), "can't be read"),
        (("--sample", "entry", "--url", "file:///etc/passwd"), "http or https"),
        (("--sample", "entry", "--count", "0"), "from 1 on"),
        (("--sample", "nothing"), "invalid choice"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments, words, transactional_db):
    with pytest.raises(CommandError, match=words):
        call_command("sendalert", *arguments)


def test_nobody_at_home_is_said_so(url, live_server):
    closed = url.replace(str(live_server.thread.port), "1")
    with pytest.raises(CommandError, match="Nobody answers"):
        call_command("sendalert", "--sample", "entry", "--url", closed)


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")],
)
def test_the_address_is_this_machines_unless_told(host, shown, monkeypatch):
    class St:
        HOST, PORT = host, 8123

    monkeypatch.setattr(settings, "ST", St)
    assert _own_url() == f"http://{shown}:8123/webhook/tradingview"

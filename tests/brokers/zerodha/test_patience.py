"""A call ends in time however slowly the broker, or whoever stands between, speaks."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from brokers.errors import NotSent, OutcomeUnknown
from brokers.zerodha import client as client_module
from brokers.zerodha import session
from brokers.zerodha.adapter import ZerodhaBroker
from brokers.zerodha.transport import Road
from sigmatrader.conf import SigmaTraderSettings
from tests.brokers.zerodha.samples import API_KEY, TOKEN, a_gtt, an_order

TIMEOUT = 0.4
# What a slow machine may add.
LATEST = 2 * TIMEOUT + 2.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 65536\r\n\r\n"
Talk = Callable[[socket.socket, threading.Event], None]


def drip(before: bytes, again: bytes) -> Talk:
    """Says `before`, then `again` more often than any socket's timeout, until it is stopped."""

    def talk(peer: socket.socket, stopped: threading.Event) -> None:
        peer.sendall(before)
        while not stopped.wait(TIMEOUT / 8):
            peer.sendall(again)

    return talk


def whole(body: bytes) -> Talk:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    def talk(peer: socket.socket, stopped: threading.Event) -> None:
        peer.sendall(head % len(body) + body)

    return talk


HEADERS = drip(b"HTTP/1.1 200 OK\r\nX: ", b"a")
BODY = drip(HEAD % b"application/json", b" ")
LIST = drip(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n", b"a,b\n")


@contextmanager
def server(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port at which every request is answered by `talk`."""
    stopped = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(peer: socket.socket) -> None:
        with suppress(OSError), peer:
            secured = tls.wrap_socket(peer, server_side=True) if tls else peer
            with secured:
                secured.recv(65536)
                talk(secured, stopped)
                # A close with something unread would reset the connection under the answer.
                while secured.recv(65536):
                    continue

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threads.append(threading.Thread(target=one, args=(peer,)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(5)


def ends_in_time(error: type[Exception], act: Callable[[], object]) -> str:
    started = time.monotonic()
    with pytest.raises(error) as raised:
        act()
    assert time.monotonic() - started < LATEST
    return str(raised.value)


@pytest.mark.parametrize("talk", [HEADERS, BODY])
@pytest.mark.parametrize(
    "ask",
    [
        lambda broker: broker.orders(),
        lambda broker: broker.place(an_order()),
        lambda broker: broker.order_cost(an_order()),
    ],
)
def test_a_dripping_answer_leaves_the_outcome_open_in_time(talk, ask):
    with server(talk) as port:
        broker = ZerodhaBroker(API_KEY, TOKEN, f"http://127.0.0.1:{port}", timeout=TIMEOUT)
        assert "in time" in ends_in_time(OutcomeUnknown, lambda: ask(broker))


@pytest.mark.parametrize("talk", [HEADERS, BODY])
def test_a_login_and_a_logout_end_in_time(talk):
    with server(talk) as port:
        root = f"http://127.0.0.1:{port}"
        ends_in_time(
            OutcomeUnknown,
            lambda: session.exchange("token123", API_KEY, "secret", root, timeout=TIMEOUT),
        )
        ends_in_time(OutcomeUnknown, lambda: session.revoke(TOKEN, API_KEY, root, timeout=TIMEOUT))


def test_an_instrument_list_may_take_longer_and_ends_too(monkeypatch):
    monkeypatch.setattr(client_module, "_LIST_SECONDS", 4 * TIMEOUT)
    lines: list[str] = []
    with server(LIST) as port:
        road = ZerodhaBroker(API_KEY, TOKEN, f"http://127.0.0.1:{port}", timeout=TIMEOUT)._client
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="in time"):
            lines.extend(road.instrument_lines())
        assert 3 * TIMEOUT < time.monotonic() - started < 2 * TIMEOUT + LATEST


def test_a_whole_call_ends_before_the_lease_of_its_order():
    timeout = SigmaTraderSettings.BROKER_TIMEOUT_SECONDS
    road = Road("http://127.0.0.1:1", timeout)
    road._patience.begin()
    assert road._patience.left() < 2 * timeout + SigmaTraderSettings.LEASE_MARGIN_SECONDS / 2


def test_a_name_that_is_looked_up_too_long_sends_nothing(monkeypatch):
    asked = []

    def talk(peer: socket.socket, stopped: threading.Event) -> None:
        asked.append(peer)

    real = socket.getaddrinfo
    with server(talk) as port:
        broker = ZerodhaBroker(API_KEY, TOKEN, f"http://127.0.0.1:{port}", timeout=TIMEOUT)

        def slow(*wanted, **more):
            # The time passes as it would while a resolver is silent.
            broker._client._road._patience._ends_at = time.monotonic()
            return real(*wanted, **more)

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        ends_in_time(NotSent, lambda: broker.place(an_order()))
    assert asked == []


def test_all_addresses_of_a_host_share_the_time(monkeypatch):
    tried = []

    def silent(made: socket.socket, address: object) -> None:
        tried.append(made.gettimeout() or 0)
        road._patience._ends_at -= TIMEOUT
        raise TimeoutError("timed out")

    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found] * 10)
    monkeypatch.setattr(socket.socket, "connect", silent)
    road = Road("http://127.0.0.1:1", TIMEOUT)
    with pytest.raises(NotSent, match="no connection in time"):
        road.request("POST", "http://127.0.0.1:1/orders/regular")
    assert len(tried) == 2
    assert all(0 < timeout <= TIMEOUT for timeout in tried)


# -- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS, which our side trusts."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_over_tls_an_answer_is_read(tls):
    answered = whole(b'{"status":"success","data":{"order_id":"7"}}')
    with server(answered, tls) as port:
        broker = ZerodhaBroker(API_KEY, TOKEN, f"https://127.0.0.1:{port}", timeout=TIMEOUT * 5)
        assert broker.place(an_order()).order_id == "7"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("request_", [an_order(), a_gtt()])
def test_a_stop_once_the_connection_stands_sends_not_a_byte(tls, scheme, request_):
    connected, heard = threading.Event(), []

    def listen() -> None:
        peer, _ = listener.accept()
        with tls.wrap_socket(peer, server_side=True) if scheme == "https" else peer as stream:
            connected.set()
            heard.append(stream.recv(65536))

    def stop() -> None:
        assert connected.wait(10)
        raise NotSent("halted")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        root = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        broker = ZerodhaBroker(API_KEY, TOKEN, root, timeout=TIMEOUT * 5)
        with pytest.raises(NotSent, match="halted"):
            broker.place(request_, before_send=stop)
        thread.join(10)
    assert heard == [b""]


@pytest.mark.parametrize("talk", [HEADERS, BODY])
def test_over_tls_a_dripping_answer_ends_in_time(tls, talk):
    with server(talk, tls) as port:
        broker = ZerodhaBroker(API_KEY, TOKEN, f"https://127.0.0.1:{port}", timeout=TIMEOUT)
        assert "in time" in ends_in_time(OutcomeUnknown, lambda: broker.place(an_order()))


def test_a_certificate_that_nobody_vouches_for_is_still_refused(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with server(whole(b"{}"), context) as port:
        broker = ZerodhaBroker(API_KEY, TOKEN, f"https://127.0.0.1:{port}", timeout=TIMEOUT)
        assert "certificate" in ends_in_time(NotSent, lambda: broker.place(an_order()))

"""Mail: to a real server, with real TLS; a password never in the clear, no header from what was said."""

from __future__ import annotations

import base64
import contextlib
import datetime
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from told_rollout import BACK, view

from agentops.model.rollout_settings import Notify
from agentops.rollout import mail
from agentops.rollout.messages import Answer, message
from agentops.rollout.notify import Teller

PASSWORD = "correct horse battery"


class Sink:
    """An SMTP server as small as can be. `tls` is its certificate, `refuse` answers by command."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.refuse: dict[str, str] = {}
        self.lines: list[str] = []
        self.clear: list[str] = []
        self.mails: list[EmailMessage] = []
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.ExitStack() as opened:
                    sink.serve(self, opened)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])

    def serve(self, client: socketserver.StreamRequestHandler, opened: contextlib.ExitStack) -> None:
        connection, read, secured = client.request, client.rfile, False

        def say(text: str) -> None:
            connection.sendall(text.encode() + b"\r\n")

        say("220 sink")
        while line := read.readline().decode().rstrip():
            self.lines.append(line)
            if not secured:
                self.clear.append(line)
            word = line.split()[0].upper()
            if word in self.refuse:
                say(self.refuse[word])
            elif word == "EHLO":
                offers = ["sink", *(["STARTTLS"] if self.tls and not secured else []), "AUTH PLAIN"]
                say("\r\n".join(f"250{'-' if i < len(offers) else ' '}{o}" for i, o in enumerate(offers, 1)))
            elif word == "STARTTLS" and self.tls:
                say("220 go on")
                try:
                    connection = opened.enter_context(self.tls.wrap_socket(connection, server_side=True))
                except OSError:
                    return  # the client does not trust it
                read, secured = opened.enter_context(connection.makefile("rb")), True
            elif word == "AUTH":
                say("235 welcome")
            elif word == "DATA":
                say("354 go on")
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += read.readline()
                self.mails.append(email.message_from_bytes(body[:-3], policy=email.policy.default))  # type: ignore[arg-type]
                say("250 kept")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "sink.pem"
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def running(sink: Sink) -> Iterator[Sink]:
    thread = threading.Thread(target=sink.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield sink
    sink.server.shutdown()
    sink.server.server_close()
    thread.join()


@pytest.fixture
def secure(certificate: Path) -> Iterator[Sink]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from running(Sink(context))


@pytest.fixture
def plain() -> Iterator[Sink]:
    yield from running(Sink(None))


def target(port: int, **changes: object) -> Notify:
    made = Notify("smtp", host="127.0.0.1", port=port, sender="agentops@example.org", to=("ops@example.org",))
    return replace(made, **changes)  # type: ignore[arg-type]


LOGIN = {"user": "release", "password_env": "PW"}


def send(to: Notify, certificate: Path | None = None, password: str = PASSWORD, **changes: object) -> Answer:
    context = ssl.create_default_context(cafile=certificate) if certificate else None
    return mail.sender(to, password, timeout_s=3, context=context)(message("rolled-back", view(**changes or BACK)))


def test_a_mail_says_what_happened(secure: Sink, certificate: Path) -> None:
    assert send(target(secure.port, **LOGIN), certificate) == Answer()
    (got,) = secure.mails
    assert got["Subject"] == "[agentops] support-agent in production: was rolled back"
    assert (got["From"], got["To"]) == ("agentops@example.org", "ops@example.org")
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content_type() == "text/plain"
    text = got.get_content()
    assert text.startswith("ROLLED BACK: support-agent in production is back on registry.example/support-agent@sha256:")
    assert "harm was seen: 21 % errors" in text
    assert "errors:    canary 22.50 %, stable 1.00 %" in text


def test_the_password_goes_through_tls_alone(secure: Sink, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "build-7.corp.example")
    assert send(target(secure.port, **LOGIN), certificate) == Answer()
    token = base64.b64encode(f"\0release\0{PASSWORD}".encode()).decode()
    assert any(token in line for line in secure.lines)
    assert secure.clear[1:] == ["STARTTLS"]
    assert secure.clear[0] == "ehlo [127.0.0.1]", "the machine's own name stays here"


def test_without_tls_a_password_is_not_sent(plain: Sink) -> None:
    answer = send(target(plain.port, **LOGIN))
    assert answer == Answer("it offers no STARTTLS, and a password is not sent in the clear")
    assert not any(line.upper().startswith(("AUTH", "MAIL")) for line in plain.lines)


def test_a_certificate_that_is_not_trusted_ends_it(secure: Sink) -> None:
    answer = send(target(secure.port, **LOGIN))
    assert answer == Answer("its certificate is not trusted here")
    assert secure.mails == []


def test_a_relay_without_tls_and_without_password_is_used(plain: Sink) -> None:
    assert send(target(plain.port)) == Answer()
    assert len(plain.mails) == 1


def test_several_people_are_told(plain: Sink) -> None:
    assert send(target(plain.port, to=("a@example.org", "b@example.org"))) == Answer()
    assert sum(line.upper().startswith("RCPT") for line in plain.lines) == 2


@pytest.mark.parametrize(
    ("refuse", "said", "again"),
    [
        ({"AUTH": f"535 {PASSWORD} is wrong"}, "user or password are not accepted", False),
        ({"MAIL": f"451 later {PASSWORD}"}, "the server answered 451", True),
        ({"MAIL": "553 no"}, "the server answered 553", False),
        ({"RCPT": f"550 {PASSWORD}"}, "every address was refused (550)", False),
        ({"RCPT": "450 greylisted"}, "every address was refused (450)", True),
        ({"DATA": "554 no"}, "the server answered 554", False),
    ],
)
def test_a_refusal_is_told_without_the_servers_words(
    secure: Sink, certificate: Path, refuse: dict[str, str], said: str, again: bool
) -> None:
    secure.refuse = refuse
    assert send(target(secure.port, **LOGIN), certificate) == Answer(said, again=again)


def test_a_good_bye_that_fails_sends_no_second_mail(plain: Sink) -> None:
    plain.refuse = {"QUIT": "421 gone"}
    assert send(target(plain.port)) == Answer()
    assert len(plain.mails) == 1


def test_nobody_there() -> None:
    assert send(target(9)) == Answer("it refused the connection", again=True)


def test_what_was_said_makes_no_header(plain: Sink) -> None:
    evil = "x\r\nBcc: all@example.org\r\n\r\nboo"
    assert send(target(plain.port), app=evil, environment=evil, reason=evil) == Answer()
    (got,) = plain.mails
    assert got["Bcc"] is None
    assert sum(line.upper().startswith("RCPT") for line in plain.lines) == 1


def test_any_letters_are_sent(plain: Sink) -> None:
    assert send(target(plain.port), app="日本語 🚀 \ud800", reason="é\x00\x1b[31m") == Answer()
    assert "日本語 🚀" in plain.mails[0]["Subject"]


def test_the_settings_are_looked_at_before() -> None:
    assert mail.lacking(target(25)) == ()
    assert mail.lacking(Notify("smtp")) == ("host is missing", "to is missing", "sender is missing")
    assert mail.lacking(target(25, user="x")) == ("user and password_env belong together",)
    assert mail.lacking(target(25, to=("a@b.example\r\nBcc: c@d",))) == ("an address is none: give name@host",)
    assert mail.lacking(Notify("smtp", host="h", to=("a@b.example",), user="me@b.example", password_env="P")) == ()


def test_a_teller_mails(plain: Sink) -> None:
    teller = Teller([replace(target(plain.port), on=("rolled-back",))], {})
    teller.tell(("rolled-back", "started"), view(**BACK))
    assert teller.close() == ()
    assert len(plain.mails) == 1

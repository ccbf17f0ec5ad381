"""Personal data: every kind found, its neighbours left alone. All numbers are made up to satisfy their checksum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.evals.metrics import identity, personal

FOUND = [
    ("email", "Write to jane.o'doe+shop@mail.example.co.uk, please.", "jane.o'doe+shop@mail.example.co.uk"),
    ("email", "<ｊane@example.org>", "jane@example.org"),
    ("phone", "Call +49 30 1234567 now", "+49 30 1234567"),
    ("phone", "Call +1 (415) 555-2671.", "+1 (415) 555-2671"),
    ("phone", "or (415) 555-2671", "(415) 555-2671"),
    ("phone", "or 415-555-2671", "415-555-2671"),
    ("phone", "au 06 12 34 56 78", "06 12 34 56 78"),
    ("phone", "on 020 7946 0958", "020 7946 0958"),
    ("phone", "unter 030/1234567", "030/1234567"),
    ("iban", "to DE89 3704 0044 0532 0130 00 by Friday", "DE89 3704 0044 0532 0130 00"),
    ("iban", "gb82west12345698765432", "gb82west12345698765432"),
    ("card", "card 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("card", "378282246310005", "378282246310005"),
    ("card", "3782 822463 10005", "3782 822463 10005"),
    ("card", "4111.1111.1111.1111", "4111.1111.1111.1111"),
    ("card", "Card No.4111111111111111.", "4111111111111111"),
    ("card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
    ("phone", "Order by phone: 020 7946 0958", "020 7946 0958"),
    ("phone", "order 17, call 0800-1234-5678", "0800-1234-5678"),
    ("phone", "your order number +49 30 1234567", "+49 30 1234567"),
    ("card", "5555\u200b555555554444", "5555555555554444"),
    ("us_ssn", "SSN 536-22-1234", "536-22-1234"),
    ("us_ssn", "her social security number: 536221234", "536221234"),
    ("uk_nino", "AB 12 34 56 C", "AB 12 34 56 C"),
    ("de_steuer_id", "Steuer-ID: 36574261809", "36574261809"),
    ("de_steuer_id", "36 574 261 809", "36 574 261 809"),
    ("es_dni", "DNI 54362315-K", "54362315-K"),
    ("es_dni", "X2482300W", "X2482300W"),
    ("it_codice_fiscale", "RCCMNL83S18D969H", "RCCMNL83S18D969H"),
    ("fr_nir", "2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
    ("fr_nir", "253072B07300470", "253072B07300470"),
    ("br_cpf", "390.533.447-05", "390.533.447-05"),
    ("br_cpf", "CPF 39053344705", "39053344705"),
    ("in_aadhaar", "2341 2341 2346", "2341 2341 2346"),
    ("in_aadhaar", "Aadhaar: 234123412346", "234123412346"),
    ("nl_bsn", "BSN 111222333", "111222333"),
    ("nl_bsn", "1112.22.333", "1112.22.333"),
    ("ip", "from 8.8.8.8 today", "8.8.8.8"),
    ("ip", "from 2001:db8::1 today", "2001:db8::1"),
]

CLEAN = [
    "Order A-1001 of 2024-05-01 10:00, total $1,234.56, tracking 9400111899223197428490.",
    "Order 123456789 and 12345678901 and 234123412347 of customer 4111111111111112.",
    "Order 111222333 was shipped.",
    "CPF 390.533.447-06 and 111.111.111-11",
    "The price is 4 111 111. The year 2024 2025 2026 2027.",
    "Version 10.15.7.2-beta, room 020, pages 123-456, ISBN 978-3-16-148410-0.",
    "SSN 000-12-3456, 666-12-3456, 900-12-3456, 536-00-1234, 536-22-0000.",
    "user@localhost, @mention, a@b",
    "DE89 3704 0044 0532 0130 01, QQ123456A, BG123456A, 54362315Z, X2482300A, RCCMNL83S18D969A.",
    "At 12:30:45 it was 127.0.0.1 or :: or 300.1.1.1.",
    "0000000000000000 and 1111-1111-1111-1111",
    "Your order 0049 1234 5678, SKU 0800-1234-5678, invoice no. 030 1234 5678, ref: 415-555-2671.",
    "Bestellung Nr. 030 1234567, Tracking number is 020 7946 0958, order #030-123-4567.",
    "Version 1.4111111111111111 and 4111.1111.1111.1112 of 0.378282246310005",
    "Serial: 550e8400-e29b-41d4-a716-446655440000",
]


@pytest.mark.parametrize(("kind", "text", "value"), FOUND)
def test_each_kind_is_found(kind: str, text: str, value: str) -> None:
    assert list(personal.find(text, [kind])) == [(kind, value)]


@pytest.mark.parametrize("text", CLEAN)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert list(personal.find(text, personal.NAMES)) == []


def test_every_kind_has_an_example_and_a_name() -> None:
    assert {kind for kind, _, _ in FOUND} == set(personal.NAMES)
    assert "ip" not in personal.USUAL


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("card", "4111111111111111"), ("iban", "DE89370400440532013000"), ("de_steuer_id", "36574261809"),
        ("es_dni", "54362315K"), ("it_cf", "RCCMNL83S18D969H"), ("fr_nir", "295109912611193"),
        ("in_aadhaar", "234123412346"), ("nl_bsn", "111222333"),
    ],
)  # fmt: skip
def test_a_checksum_notices_every_single_wrong_digit(kind: str, number: str) -> None:
    sound = getattr(identity, kind)
    assert sound(number)
    for place, c in enumerate(number):
        for other in "0123456789" if c.isdigit() else "":
            assert sound(number[:place] + other + number[place + 1 :]) is (other == c)


def test_allowed_values_whatever_their_separators() -> None:
    allowed = personal.Allowed(["+49 30 1234567", "@shop.example"])
    assert "+49 (30) 123-4567" in allowed
    assert "Help@Shop.example" in allowed
    assert "help@evil-shop.example" not in allowed
    assert "+49 30 1234568" not in allowed


@given(st.text(alphabet="0123456789 -./@+()AZaz:", max_size=200))
def test_no_text_breaks_the_search(text: str) -> None:
    for kind, value in personal.find(text, personal.NAMES):
        assert kind in personal.NAMES
        assert value

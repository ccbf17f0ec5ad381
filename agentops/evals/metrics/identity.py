"""Checksums and rules of the numbers that people, cards and accounts go by. Each function takes the number without
separators, letters in upper case, and tells whether it can be one."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

# ISO 13616, as registered with SWIFT.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip

# Verhoeff 1969: the dihedral group of the pentagon and a permutation by place.
_TIMES = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432",
          "7659821043", "8765932104", "9876543210")  # fmt: skip
_PERMUTED = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415",
             "7046913258")  # fmt: skip

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_CF = re.compile(r"[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]")
# The odd places of a codice fiscale; digits count as the letters in their place.
_CF_ODD = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14,
               16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12,14}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|62\d{14,17}|(?:5[06-9]|6[37])\d{10,17}"
)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right counts double, its digits summed."""
    doubled = (sum(divmod(int(c) * 2, 10)) for c in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def card(digits: str) -> bool:
    """A payment card: an issuer's range and length, and Luhn's digit."""
    by_issuer = _ISSUERS.fullmatch(digits)
    return by_issuer is not None and 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def iban(account: str) -> bool:
    """ISO 13616: rotated by four and read as a number, 1 modulo 97."""
    if not account.isalnum() or len(account) != IBAN_LENGTHS.get(account[:2]):
        return False
    return int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1


def us_ssn(digits: str) -> bool:
    """No area 000, 666 or 9xx, no group 00, no serial 0000; a checksum it has not."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def uk_nino(number: str) -> bool:
    """Prefixes that are given out; a checksum it has not."""
    return _NINO.fullmatch(number) is not None


def de_steuer_id(digits: str) -> bool:
    """ISO 7064 MOD 11,10; of the first ten digits one stands there twice or three times, and no other."""
    counts = Counter(digits[:10])
    if digits[0] == "0" or sorted(n for n in counts.values() if n > 1) not in ([2], [3]):
        return False
    product = 10
    for c in digits[:10]:
        total = (int(c) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def es_dni(number: str) -> bool:
    """The letter is the number modulo 23; X, Y and Z of foreigners count as 0, 1 and 2."""
    digits = str("XYZ".find(number[0])) + number[1:-1] if number[0] in "XYZ" else number[:-1]
    return _DNI[int(digits) % 23] == number[-1]


def it_cf(number: str) -> bool:
    """The last letter is the sum over the places modulo 26, with values of their own at odd places."""
    if _CF.fullmatch(number) is None:
        return False
    total = 0
    for place, c in enumerate(number[:15], 1):
        letter = chr(ord("A") + int(c)) if c.isdigit() else c
        total += _CF_ODD[letter] if place % 2 else ord(letter) - ord("A")
    return chr(ord("A") + total % 26) == number[15]


def fr_nir(number: str) -> bool:
    """The key is 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    digits = number[:5] + {"2A": "19", "2B": "18"}.get(number[5:7], number[5:7]) + number[7:13]
    month = number[3:5]
    if not digits.isdigit() or not ("01" <= month <= "12" or "20" <= month <= "42" or month >= "50"):
        return False
    return 97 - int(digits) % 97 == int(number[13:])


def br_cpf(digits: str) -> bool:
    """Two check digits by weights modulo 11; eleven times the same digit is none."""
    if len(set(digits)) == 1:
        return False
    return all(
        sum(int(c) * w for c, w in zip(digits, range(n + 1, 1, -1), strict=False)) * 10 % 11 % 10 == int(digits[n])
        for n in (9, 10)
    )


def in_aadhaar(digits: str) -> bool:
    """Begins with 2 or more; Verhoeff's check digit; reads not the same backwards."""
    if digits[0] in "01" or digits == digits[::-1]:
        return False
    check = 0
    for place, c in enumerate(reversed(digits)):
        check = int(_TIMES[check][int(_PERMUTED[place % 8][int(c)])])
    return check == 0


def nl_bsn(digits: str) -> bool:
    """The eleven test: weights 9 to 2 and -1."""
    if len({*pairwise(digits)}) == 1:
        return False
    total = sum(int(c) * w for c, w in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    return total % 11 == 0

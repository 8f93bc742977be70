"""Judgement of single values: whether a string is a real credential, a placeholder, or ordinary text."""

import math
import re
from collections import Counter
from itertools import pairwise

from codelm.history.filters.letter_pairs import randomness

__all__ = ["is_filler", "is_key", "is_password", "is_random"]

_FILLERS = re.compile(
    r"example|placeholder|change[-_ ]?(?:me|this|it)|your|redacted|dummy|fake|sample|insert|replace|notreal|not[-_]a"
    r"|invalid|[-_]here|x{4}|\*{3}|\.{3}|abcdef|12345678|98765432|deadbeef|todo|goes[-_]?here|mock|[<>]|\$\{|\{\{",
    re.IGNORECASE,
)
_DEFAULT_PASSWORDS = re.compile(
    "(?:my|some|super|top)?(?:admin|administrator|alice|asdf[a-z]*|bar|baz|bob|builder|default|demo|foo|foobar|guest"
    "|hello|hunter|letmein|login|master|my|mysql|none|null|pass|passphrase|passwd|password|postgres|pswd|pw|pwd|qwe[a-z]*|rabbitmq"
    "|root|secret|some|string|tester|test(?:ing|pass|password)?|token|undefined|user|username|value|welcome|world|xyzzy|zxcv[a-z]*)"
)
"""What is left of a password that nobody keeps secret, when its digits and signs are taken away."""
_PUBLISHED = (
    # the account key of the Azure storage emulator, the same on every machine
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1",
    # the claims of the token that jwt.io shows
    "JzdWIiOiIxMjM0NTY3ODkw",
    # the keys of Stripe's documentation
    "4eC39HqLyjWDarjtT1zdp7dc",
    "BQokikJOvBiI2HlWgH4olfQ2",
)
"""Beginnings of values that their issuers publish as examples."""
_NOT_PASSWORD = re.compile(
    r"\s|[{}<>`\\]|::|://|\(\)|^\$|^%|%[sd]|^[\w.+-]+@[\w-]+\.[\w.]+$"  # code, templates, addresses
    r"|^[.~]?/|^\w+/|^[\w-]+(?:\.[\w-]+)+$|^[\w.]+[(\[]|^-|^[\d.,:/+ -]+$|^0x"  # paths, members, options, numbers
    r"|[=&|]{2}|^sha\d|^[A-Za-z_]+=|^(?:env|file|keyring|op|secretsmanager|ssm|vault):"
)
_MAY_BE_WORDS = re.compile(
    r"[A-Z0-9_]+|[A-Za-z]+[-_ ]?\d*|(?:[a-z]+[0-9]*[-_])+[a-z0-9]+|[\W_]?[A-Za-z]+(?:[-_]+[A-Za-z]+)*:?"
)
_APP_PASSWORD = re.compile(r"[a-z]{4}(?: [a-z]{4}){3}")
"""As Google writes the passwords that it makes for programs."""
_MIN_PASSWORD, _MAX_PASSWORD = 8, 128
_MIN_DRAWN = 10
"""With fewer letters and digits, too many abbreviations look drawn by chance."""
_DRAWN, _WORDS = 5, -5
"""Bits of randomness above which letters and digits look drawn by chance, and below which they look like words."""


def is_filler(value: str) -> bool:
    """Return whether a value stands in for a credential: a word such as "your", one character again and again, a row.

    >>> is_filler("x" * 36), is_filler("IOSFODNN7EXAMPLE"), is_filler("q7Zk2mW9vB4xT1nLpR8s")
    (True, True, False)
    """
    digits = re.sub(r"[^A-Za-z0-9]", "", value)
    if _FILLERS.search(value) or any(known in value for known in _PUBLISHED):
        return True
    if _entropy(digits) < min(3.0, 0.7 * math.log2(len(digits) + 1)) or _is_row(digits):
        return True
    return not (digits.isupper() or re.search(r"\d", digits) or _changes(digits) >= 0.35)


def is_random(value: str) -> bool:
    """Return whether a value of 16 or more characters looks drawn by chance, unlike names, words, paths and versions.

    >>> is_random("q7Zk2mW9vB4xT1nLpR8s"), is_random("my_service_account_2"), is_random("sha256-multihash-v2")
    (True, False, False)
    """
    digits = re.sub(r"[^A-Za-z0-9]", "", value)
    mixed = re.search(r"\d", digits) and re.search("[A-Za-z]", digits) and not re.search(r"[\s(){}]|::|^sha\d+-", value)
    looks_mixed = bool(mixed) and len(digits) >= 14 and _changes(digits) >= 0.25
    return looks_mixed and randomness(value) > _WORDS and not is_filler(value)


def is_key(value: str) -> bool:
    """Return whether a value in the place of a key or token looks like a real one; it may be of letters alone.

    >>> is_key("mBzblsBmEwPBAYBmKqTz"), is_key("RefreshTokenRequest")
    (True, False)
    """
    letters = value.isascii() and value.isalpha() and not value.islower() and not value.isupper() and len(value) >= 16
    return is_random(value) or (letters and _is_drawn(value) and not is_filler(value))


def is_password(value: str) -> bool:
    """Return whether a value in the place of a password looks like a real one, and not like a word, a name or code.

    >>> is_password("Tr0ub4dor&3"), is_password("password123"), is_password("user.password_2"), is_password("hunter2")
    (True, False, False, False)
    """
    value = value.replace(" ", "") if _APP_PASSWORD.fullmatch(value) else value
    if not _MIN_PASSWORD <= len(value) <= _MAX_PASSWORD or _FILLERS.search(value) or _NOT_PASSWORD.search(value):
        return False
    letters = re.sub(r"[^a-z]", "", value.lower())
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^A-Za-z0-9]"))
    if _DEFAULT_PASSWORDS.fullmatch(letters) or _is_row(value) or len(set(value)) < 5:
        return False
    if _MAY_BE_WORDS.fullmatch(value):
        return _is_drawn(value)
    return kinds >= 3 or (kinds == 2 and _changes(value) * (len(value) - 1) >= 3)


def _is_drawn(value: str) -> bool:
    """Return whether a value of one piece is long enough to be judged, and its letters make up no words."""
    return len(value) >= _MIN_DRAWN and "_" not in value and randomness(value) >= _DRAWN


def _entropy(text: str) -> float:
    """Return the entropy of the characters of a text, in bits per character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _is_row(text: str) -> bool:
    """Return whether a text runs through an alphabet, as "0123456789" and "a1b2c3d4" do."""
    codes = [ord(character) for character in text.lower()]
    rows = (sum(0 <= after - before <= 1 for before, after in zip(codes, codes[lag:], strict=False)) for lag in (1, 2))
    return any(count > 0.45 * max(1, len(text) - 2) for count in rows)


def _changes(text: str) -> float:
    """Return the share of neighbours that differ in kind: small letter, capital, digit, other."""
    kinds = ["0" if one.isdigit() else "a" if one.islower() else "A" if one.isupper() else "-" for one in text]
    return sum(one != other for one, other in pairwise(kinds)) / max(1, len(text) - 1)

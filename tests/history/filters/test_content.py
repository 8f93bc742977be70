import base64
import random

import pytest

from codelm.history.filters.content import data_runs, has_longer_line, letter_share, mean_line

RUST = 'fn main() {\n    println!("hello");\n}\n' * 20


def test_lines_are_measured_in_characters():
    assert [has_longer_line("ab\nabcd\n", limit) for limit in (3, 4)] == [True, False]
    assert [has_longer_line("ab\nabcd", limit) for limit in (3, 4)] == [True, False]
    assert not has_longer_line("", 0)
    assert mean_line("abc\nabcde\n") == 5


def test_letters_of_every_script_count_and_digits_do_not():
    assert letter_share("") == 1
    assert letter_share("12 34\n") == 0
    assert letter_share("        a1") == 0.5
    assert letter_share("абв") == 1


def test_source_holds_no_data():
    assert data_runs(RUST) == []


@pytest.mark.parametrize(
    ("write", "per_byte"),
    [
        (lambda raw: base64.b64encode(raw).decode(), 1.3),
        (lambda raw: raw.hex(), 2),
        (lambda raw: ", ".join(f"0x{byte:02x}" for byte in raw), 5.9),
        (lambda raw: "".join(f"\\x{byte:02X}" for byte in raw), 4),
        (lambda raw: "".join(f"\\u{{{byte:04x}}}" for byte in raw), 8),
    ],
    ids=["base64", "hexadecimal", "numbers", "escapes", "unicode escapes"],
)
def test_data_is_seen_in_each_of_its_disguises(write, per_byte):
    raw = random.Random(0).randbytes(400)
    (length,) = data_runs(f"const DATA: &str = '{write(raw)}';\n{RUST}")
    assert length >= per_byte * len(raw)

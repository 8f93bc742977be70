"""Judgement of letters and digits: whether they were drawn by chance or make up words, by which follow one another."""

import string
from itertools import pairwise

__all__ = ["randomness"]

_ROWS = """
46774463614867261778553552 76667643753854752675743352 85657547617654851667652240 76679554832555753665644342
64775553403667455877454642 75667843802776752766644350 74549456711756662876643132 84558433803564753666645251
65766662323669762677262406 84559431815354861375843331 75569545822655652585546241 84568443814744842466653362
86558433705563782465653320 74777683625545753478552232 55764553524778660866656320 84558556704754763867653261
65576544603656464775954423 84669452804565752677543251 74648446705654664578655351 74648536802554752776534463
67666654612778473777233412 85659752733675654676444322 84657446813667754775523313 65767644712666584678553540
65656445602677682687544244 84559455602544642455433646
"""
"""For each letter, and for each that may follow it, log2 of how much more often it does so in words than by chance,
plus 6, from 0 to 9: counted once in each of 31,353 words in the names of public Python, Rust and C code.
"""
_PAIRS = {
    first + second: 6 - int(digit)
    for first, row in zip(string.ascii_lowercase, _ROWS.split(), strict=True)
    for second, digit in zip(string.ascii_lowercase, row, strict=True)
}
_DIGIT = 2
"""Bits for each change between letters and digits beyond the two that a number in a name makes."""


def randomness(text: str) -> int:
    """Return in bits how much more likely the letters and digits of a text are by chance than in words.

    Case and other characters count for nothing. Of 16 random letters 94 % have 5 bits or more, of 33,681 names of 14
    to 17 letters and digits in Python packages that were not counted for the table 1.3 %.

    >>> randomness("mBzblsBmEwPBAYBm") > 10, randomness("W4ELE6CRXQYJ") > 10, randomness("QualifiedIdentifier2") < -10
    (True, True, True)
    """
    small = text.lower()
    kinds = [character.isdigit() for character in small if character.isalnum()]
    changes = sum(one != other for one, other in pairwise(kinds))
    return sum(_PAIRS.get(one + other, 0) for one, other in pairwise(small)) + _DIGIT * max(0, changes - 2)

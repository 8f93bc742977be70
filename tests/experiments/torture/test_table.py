from experiments.torture.rows import Row
from experiments.torture.table import page

PARTS = ("damage", "faults", "kills", "load")
GOOD = Row("damage", "bits | flipped", 1000, 1000, "", "the store's checksums", 100, 3, measured="`COMMAND`")
BAD = Row("kills", "killed", 4, 3, "<worst>", failures=("at 3:\ntorn",))


def test_a_part_is_a_table_with_what_came_without_the_guard():
    text = page([GOOD, BAD], PARTS)
    assert "\n## Damage\n\n`COMMAND`\n\n| what" in text
    assert "| bits \\| flipped | 1,000 | 1,000 |  | the store's checksums | 100 | 3 |\n" in text
    assert "| killed | 4 | **3** | &lt;worst> |  |  |  |\n" in text


def test_each_guard_that_was_taken_out_is_listed_with_what_was_replaced():
    blind = Row("damage", "cut", 4, 4, guard="the store's checksums", tried_without=4, held_without=4)
    text = page([GOOD, blind, BAD], PARTS)
    assert "\n## Guards taken out\n" in text
    assert "| the store's checksums | `codelm.history.store:damage` | 2 | 1 |\n" in text
    assert "Guards taken out" not in page([BAD], PARTS)


def test_what_did_not_hold_is_told_and_so_is_what_was_not_tried():
    text = page([GOOD, BAD], PARTS)
    assert "* killed: at 3: torn\n" in text
    assert text.endswith("Not tried: faults, load.\n")

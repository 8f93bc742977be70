from codelm.inference.other_code import most_similar
from codelm.inference.place import Place

PLACE = Place("a.rs", "fn add(left: u32) {\n", "}\n")


def count(texts):
    return [len(text.split()) for text in texts]


def test_the_lines_most_like_the_place_are_found():
    files = [("b.rs", "struct Other;\n"), ("c.rs", "let unlike = 0;\nfn add(left: u64) {\nlet more = 1;\n")]
    path, text = most_similar(PLACE, files, count, 4)
    assert (path, "fn add(left: u64) {\n" in text) == ("c.rs", True)


def test_without_a_common_word_or_room_there_is_none():
    assert most_similar(PLACE, [], count, 9) is None
    assert most_similar(PLACE, [("b.rs", "struct Other;\n")], count, 9) is None
    assert most_similar(PLACE, [("b.rs", "fn add(left: u64) {\n")], count, 1) is None

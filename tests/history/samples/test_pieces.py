from codelm.history.samples.pieces import Piece, Role, heading_pieces, path_pieces
from codelm.special_tokens import FILE_SEPARATOR, REPOSITORY_NAME, SPECIAL_TOKENS, STARCODER2


def test_names_that_are_not_utf_8_are_written_with_question_marks():
    assert heading_pieces("n\udcff", STARCODER2) == (
        Piece(REPOSITORY_NAME, Role.IGNORED, special=True),
        Piece("n?", Role.IGNORED),
        Piece(FILE_SEPARATOR, Role.IGNORED, special=True),
    )
    assert path_pieces("src/\udcff.rs") == (Piece("src/?.rs\n", Role.IGNORED),)


def test_without_one_of_its_tokens_there_is_no_heading():
    for name in STARCODER2.heading_tokens:
        assert heading_pieces("name", STARCODER2.within({*SPECIAL_TOKENS} - {name})) == ()

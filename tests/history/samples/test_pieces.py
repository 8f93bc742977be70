from codelm.history.samples.pieces import Piece, Role, heading_pieces
from codelm.special_tokens import FILE_SEPARATOR, HEADING_TOKENS, REPOSITORY_NAME


def test_names_that_are_not_utf_8_are_written_with_question_marks():
    assert heading_pieces("n\udcff", "src/\udcff.rs", HEADING_TOKENS) == (
        (
            Piece(REPOSITORY_NAME, Role.IGNORED, special=True),
            Piece("n?", Role.IGNORED),
            Piece(FILE_SEPARATOR, Role.IGNORED, special=True),
        ),
        (Piece("src/?.rs\n", Role.IGNORED),),
    )


def test_without_one_of_its_tokens_there_is_no_heading():
    assert all(heading_pieces("name", "a.rs", HEADING_TOKENS - {name}) == ((), ()) for name in HEADING_TOKENS)

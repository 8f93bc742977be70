import pytest

from codelm.history.samples.pieces import Kind, Role, Sample, special_token, text_pieces
from codelm.history.tokenization.marked_text import marked_runs
from codelm.special_tokens import END_OF_TEXT, FILE_SEPARATOR, REPOSITORY_NAME


def test_the_runs_are_the_text_with_its_roles(encoder):
    pieces = (
        special_token(REPOSITORY_NAME),
        *text_pieces("name", Role.IGNORED),
        special_token(FILE_SEPARATOR),
        *text_pieces("é = 1\n", Role.CONTEXT),
        *text_pieces("@b = 2\n", Role.TARGET),
        special_token(END_OF_TEXT, role=Role.TARGET),
    )
    (encoded,) = encoder.encode([Sample(pieces, Kind.CHANGE)])
    runs = marked_runs(encoded, encoder)
    assert [tuple(run) for run in runs] == [(piece.text, piece.role, piece.special) for piece in pieces]


@pytest.mark.parametrize("text", ["ab", "é", "\U0001f600\n\tb"])
def test_the_first_token_is_never_learned(encoder, text):
    (encoded,) = encoder.encode([Sample(text_pieces(text, Role.TARGET), Kind.CHANGE)])
    runs = marked_runs(encoded, encoder)
    assert "".join(run.text for run in runs) == text
    assert runs[0].role == Role.IGNORED

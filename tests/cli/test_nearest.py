import pytest

from codelm.cli.nearest import did_you_mean, nearest

SETTINGS = ["data.repo", "data.revision", "model.base", "model.learning_rate", "model.lora.r", "trainer.max_epochs"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("model.lerning_rate", "model.learning_rate"),
        ("model.lora.rank", "model.lora.r"),
        ("trainer.max_epoch", "trainer.max_epochs"),
        ("epochs", "trainer.max_epochs"),
        ("repo", "data.repo"),
        ("mdoel.base", "model.base"),
    ],
)
def test_a_typing_error_finds_the_name_that_was_meant(typed, meant):
    assert nearest(typed, SETTINGS) == meant


@pytest.mark.parametrize("typed", ["xyz", "", "completely.other"])
def test_nothing_is_guessed_where_no_name_is_alike(typed):
    assert nearest(typed, SETTINGS) is None
    assert did_you_mean(typed, SETTINGS) == ""


def test_nothing_is_guessed_among_no_names():
    assert nearest("fit", []) is None

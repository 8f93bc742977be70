import pytest

from codelm.cli import main


@pytest.mark.parametrize(
    ("command", "otherwise"), [("fit", "training begins anew"), ("test", "the untouched base is taken")]
)
def test_the_help_says_of_checkpoints_what_codelm_does_with_them(command, otherwise, capsys):
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    taken = "last or best of the run whose config.yaml is given, or else of the newest of that name; or a file."
    assert f"{taken} Without it {otherwise}." in said
    assert "previous ``trainer.fit`` call" not in said
    assert f"Lightning's settings of {command}:" in said

import pytest

from codelm.cli.error_messages import did_you_mean, explain, lightning_message

SETTINGS = ["data.repo", "data.revision", "model.base", "model.learning_rate", "model.lora.r", "trainer.max_epochs"]
KNOWN = ["model.lora.r", "model.learning_rate", "trainer.max_epochs", "evaluation.minutes", "evaluation.enabled"]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "unrecognized arguments: --model.lerning_rate 3",
            "unknown setting --model.lerning_rate: did you mean --model.learning_rate?",
        ),
        ("unrecognized arguments: --what=3", "unknown setting --what"),
        ("unrecognized arguments: --", "unknown setting --"),
        (
            "Parser key \"trainer.logger\":\n  Importing 'evil.C' is not allowed, denied by the '*' entry",
            "evil.C is code from outside codelm that runs when a config names it; read it, then give --allow_code",
        ),
        ("unrecognized arguments: stray", "unexpected 'stray': settings are given as --name value"),
        (
            "Subcommand 'fit' does not accept option 'model.lora.rr'",
            "unknown setting model.lora.rr: did you mean model.lora.r?",
        ),
        (
            'Linked "data.tokenizer" must be given via "model.base".',
            "data.tokenizer follows model.base; give model.base instead",
        ),
        (
            "argument model.revision --> data.tokenizer_revision: str | None is not callable",
            "data.tokenizer_revision follows model.revision; give model.revision instead",
        ),
        (
            "Parser key \"model.lora.r\":\n  Expected a <class 'int'>. Got value: many",
            'model.lora.r: "many" is not a whole number',
        ),
        (
            "Parser key \"data.formats.cursor_rate\":\n  Expected a <class 'float'>. Got value: True",
            "data.formats.cursor_rate: true is not a number; give one, or leave it out",
        ),
        (
            "Parser key \"data.held_out\":\n  Expected a <class 'float'>. Got value: None",
            "data.held_out: null is not a number; give one, or leave it out",
        ),
        (
            "Parser key \"data.revision\":\n  Expected a <class 'str'>. Got value: None",
            "data.revision: null is not text",
        ),
        (
            "Parser key \"behavior.prompts\":\n  Expected a <class 'collections.abc.Sequence'>. Got value: fn main",
            'behavior.prompts: "fn main" is not a list, such as ["a", "b"]',
        ),
        (
            "Parser key \"data.ignore\":\n  Expected a <class 'list'>. Got value: x",
            'data.ignore: "x" is not a list, such as ["a", "b"]',
        ),
        (
            'Parser key "a":\n  Does not validate against any of the Union subtypes\n  Errors:\n'
            "    - Expected a <class 'int'>\n    - Expected a <class 'NoneType'>\n  Given value type: <class 'str'>\n"
            "  Given value: x",
            'a: "x" is not a whole number or null',
        ),
        (
            'Parser key "model.base_dropout":\n  Does not validate against any of the Union subtypes\n  Errors:\n'
            "    - Not of type ClosedUnitInterval: does not conform to restriction v>=0 and v<=1\n"
            "    - Expected a <class 'NoneType'>\n  Given value type: <class 'str'>\n  Given value: 1.5",
            'model.base_dropout: "1.5" is not a number from 0 to 1 or null',
        ),
        (
            "Parser key \"trainer.callbacks\":\n  Errors:\n    - Problem with given class_path 'a.b.Stop':\n"
            "        Option 'monitr' is not accepted\n    - Expected a <class 'NoneType'>\n  Given value: [{}]",
            "trainer.callbacks: Stop has no setting monitr",
        ),
        (
            "Parser key \"trainer.callbacks\":\n  Errors:\n    - Problem with given class_path 'a.b.Stop':\n"
            '        Parser key "patience":\n          Not of type PositiveInt: 0 does not conform to restriction v>0',
            'trainer.callbacks.patience: "0" is not a whole number above 0',
        ),
        (
            'Parser key "a":\n  Errors:\n    - Expected a typing.Literal[16, 32]\n'
            "    - Expected a typing.Literal['16', 'bf16']\n    - Expected a <class 'NoneType'>\n  Given value: 17",
            'a: "17" is not one of 16, 32, bf16 or null',
        ),
        (
            'Parser key "data.workers":\n  Not of type NonNegativeInt: -1 does not conform to restriction v>=0',
            'data.workers: "-1" is not a whole number of 0 or more',
        ),
        (
            'Parser key "evaluation":\nUnable to load config \'false\'\n  - Parser key "evaluation": Unable to load',
            'evaluation: "false" is no file of settings; give them by name, as --evaluation.enabled false',
        ),
        (
            'Parser key "model":\nUnable to load config \'3\'\n  - Parser key "model": Unable to load config',
            'model: "3" is no file of settings; give them by name, as --model.lora.r and so on',
        ),
        ("argument -c/--config:\n expected one argument", "config: its value is missing; write --config VALUE"),
    ],
)
def test_a_complaint_of_the_parser_becomes_one_line(message, line):
    assert explain(message, KNOWN) == line


def test_a_complaint_that_never_ends_is_cut():
    assert len(explain("x " * 1000, KNOWN)) < 320


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "`CUDAAccelerator` can not run on your system since the accelerator is not available.",
            "trainer.accelerator CUDA: no such device was found; leave it at auto or give cpu",
        ),
        (
            "`Timer(duration='1h')` is not a valid duration. Expected a string in the format DD:HH:MM:SS.",
            'trainer.max_time: "1h" is no duration; write DD:HH:MM:SS',
        ),
        ("max_epochs must be\n-1 or more", "max_epochs must be -1 or more"),
    ],
)
def test_what_lightning_refuses_is_said_by_its_setting(message, line):
    assert lightning_message(message) == line


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
    assert did_you_mean(typed, SETTINGS) == f": did you mean {meant}?"


@pytest.mark.parametrize("typed", ["xyz", "", "completely.other"])
def test_nothing_is_guessed_where_no_name_is_alike(typed):
    assert did_you_mean(typed, SETTINGS) == did_you_mean("fit", []) == ""

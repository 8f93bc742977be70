"""The commands and the text of ``codelm --help``."""

from codelm.cli.config_files import shipped_names

__all__ = ["COMMANDS", "LIGHTNING_COMMANDS", "VERBS", "help_text"]

LIGHTNING_COMMANDS = {
    "fit": "learn from a repository's git history, and report what was learned",
    "validate": "measure a run's checkpoint by its loss on the older half of the held-out commits",
    "test": "measure a run's checkpoint on the newer half of the held-out commits, which decided nothing, and report",
    "predict": "complete the prompts of behavior.prompts with the tuned model, and print them",
}
VERBS = {
    "complete": "write code behind a prompt, or at a place in a file, with a run's model",
    "inspect": "show what a run would read, drop, learn and take, before it begins",
    "data": "write the samples that a run would learn from, split as it splits them, for other trainers",
    "refresh": "learn the commits that came after a run, on top of its adapter, and keep the better of the two",
    "compare": "show runs side by side: the settings that differ, and the results",
    "export": "write a run's model in the form that other programs take: merged, GGUF, or the adapter alone",
    "doctor": "say what this machine can do, and what to do about what is missing",
    "serve": "answer editors with a run's model, over HTTP on this machine",
}
"""The commands beside Lightning's, each a module of `codelm.cli.verbs`."""
COMMANDS = LIGHTNING_COMMANDS | VERBS

_HELP = """usage: codelm fit|validate|test|predict [--config FILE]... [--SETTING VALUE]...
       codelm {verbs} --help

Tune a code model on one repository's git history.

commands:
{commands}

  codelm fit --config configs/rust.yaml --data.repo ~/src/ripgrep

Later configs and settings win over earlier ones. Shipped configs:
  {configs}

settings that most people want:
  --data.repo PATH            the repository, or [several]; default: the current folder
  --data.revision REVISION    learn from what this branch, tag, id or range reaches
  --data.sequence_length N    tokens in a row
  --model.base NAME           base model, by name or folder; "tiny" travels with codelm
  --model.lora.r N            rank of the adapter
  --model.learning_rate X     highest learning rate
  --trainer.precision NAME    default: what the device computes fastest and trains well in
  --evaluation.minutes X      time for report.html, when fit and test end; --evaluation.enabled false: none
  --output FOLDER --name NAME a run is written to FOLDER/NAME/version_N

  --ckpt_path last            go on where the run whose config.yaml is given stopped, or else the newest of
                              that name; also best, or a file

codelm COMMAND --help lists every setting; --print_config shows them with their values.

anywhere on the line:
  --quiet        say only what went wrong
  --debug        say more, and show where an error came from
  --allow_code   let configs name code from outside codelm and Lightning; it runs, so read it first
  -h, --help     say this
  --version      print the version
"""


def help_text() -> str:
    """Return what ``codelm --help`` prints."""
    commands = "\n".join(f"  {name:<10}{what}" for name, what in COMMANDS.items())
    return _HELP.format(commands=commands, verbs="|".join(VERBS), configs="\n  ".join(shipped_names()))

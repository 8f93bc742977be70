from types import SimpleNamespace

import pytest
from torch.utils.data import DataLoader

from codelm.callbacks import Predictions
from codelm.modules.generation import Generated
from codelm.report.printable_text import printable


@pytest.fixture
def predict(make_module, make_trainer):
    """Return a function that completes prompts with some callbacks."""

    def run(callback, prompts, batch_size=2):
        loader = DataLoader(prompts, batch_size=batch_size, collate_fn=list)
        return make_trainer(callback, logger=False).predict(make_module(max_new_tokens=8), loader)

    return run


def test_every_prompt_is_printed_with_what_the_model_wrote(predict, capsys):
    prompts = ["fn a", "use b", "impl\nC"]
    batches = predict(Predictions("text"), prompts)
    out = capsys.readouterr().out
    written = [prompt + one.text for prompt, one in zip(prompts, [*batches[0], *batches[1]], strict=True)]
    assert [line for line in out.splitlines() if line.startswith("completion of")] == [
        f"completion of `{prompt}`, cut off at the limit of tokens" for prompt in ("fn a", "use b", "impl C")
    ]
    assert all(f"\n\n{printable(text).rstrip()}\n\n" in out for text in written)


def say(text, stopped, language="rust", prompt="fn a", first=True):
    """Let the callback print one completion that somebody wrote."""

    trainer = SimpleNamespace(is_global_zero=first)
    Predictions(language).on_predict_batch_end(trainer, None, [Generated(text, stopped)], [prompt], 0)


def test_a_completion_ends_where_a_person_would_have_stopped(capsys):
    say("() { b(); }\n\nfn c() {}\n\nfn d", stopped=False)
    assert capsys.readouterr().out == "completion of `fn a`\n\nfn a() { b(); }\n\n"


def test_what_could_act_on_a_terminal_is_not_printed(capsys):
    say("\x1b[2J\x07\u202e\tx", stopped=True, language="text", prompt="a\x1b]0;b")
    out = capsys.readouterr().out
    assert out.startswith("completion of `a]0;b`\n")
    assert not set(out) & set("\x1b\x07\u202e\t")


def test_one_process_speaks_for_all(capsys):
    say("() {}", stopped=True, first=False)
    assert capsys.readouterr().out == ""

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import CodelmError, InputError
from codelm.evaluation.model import EvaluatedModel
from codelm.git.repository import open_repository
from experiments.ablation import ours, peer, runs
from experiments.ablation.command import main
from experiments.ablation.measure import AdapterEvaluator, CommitNll, Measured, commit_nll, load_float32
from experiments.ablation.objects import instantiate, open_evaluation_data
from experiments.ablation.ours import figures, planned_tokens, refuse_short_epochs, settings_of_equal_tokens
from experiments.ablation.peer import peer_documents
from experiments.ablation.results import of_experiment, read_results
from experiments.ablation.rows import OURS, Experiment
from experiments.ablation.runs import folder_name, run_missing
from experiments.ablation.settings import merged, nested
from experiments.ablation.trained import ADAPTER, Trained, load

STEPS = 3


@pytest.fixture
def experiment(rust_repository, tiny_base, tmp_path):
    given = {
        "model": {
            "base": str(tiny_base),
            "lora": {"r": 2, "alpha": 4, "dropout": 0.0},
            "learning_rate": 1e-2,
            "gradient_checkpointing": False,
        },
        "data": {
            "sequence_length": 128,
            "batch_size": 2,
            "held_out": 0.3,
            "cache": str(tmp_path / "cache"),
            "formats": {"context_lines": 2},
            "filters": {"ignore": ["target/", "Cargo.lock"]},
        },
        "trainer": {"accumulate_grad_batches": 1, "limit_val_batches": 2, "precision": "32-true"},
    }
    repository = open_repository(str(rust_repository))
    return Experiment(given, repository.path, repository.tip, STEPS, test_tokens=3000)


@pytest.fixture
def adapted(experiment):
    """A model with an adapter that changes something."""
    model, _ = instantiate(experiment.settings())
    load_float32(model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, parameter in model.trained():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture
def evaluator(experiment):
    return AdapterEvaluator(experiment.settings(), experiment.test_tokens)


def test_a_saved_adapter_is_measured_as_the_model_it_was_saved_from(experiment, adapted, evaluator, tmp_path):
    adapted.save_adapter(tmp_path / ADAPTER)
    measured = evaluator.evaluate(tmp_path / ADAPTER).parts
    data = open_evaluation_data(instantiate(experiment.settings()).data)
    samples = data.test_samples(experiment.test_tokens)
    with torch.inference_mode():
        nll = EvaluatedModel(adapted, max_tokens=128, batch_size=2).token_nll([sample.ids for sample in samples])
    expected = commit_nll(data, samples, nll, nll)
    names = [[(part.commit, part.form, part.bytes) for part in parts] for parts in (measured, expected)]
    assert names[0] == names[1]
    assert [part.tuned for part in measured] == pytest.approx([part.tuned for part in expected], rel=1e-4)
    assert [part.tuned for part in measured] != pytest.approx([part.base for part in measured], rel=1e-2)


def test_the_base_is_measured_once_and_is_the_same_whatever_the_adapter(adapted, evaluator, tmp_path):
    adapted.save_adapter(tmp_path / "one")
    with torch.no_grad():
        for _, parameter in adapted.trained():
            parameter.mul_(2)
    adapted.save_adapter(tmp_path / "two")
    one, two = (evaluator.evaluate(tmp_path / name).parts for name in ("one", "two"))
    fresh = type(evaluator)(evaluator.settings, evaluator.test_tokens).evaluate(tmp_path / "two").parts
    assert [part.base for part in one] == [part.base for part in two]
    assert two == fresh != one


def test_an_adapter_of_another_shape_is_refused(adapted, evaluator, tmp_path):
    adapted.save_adapter(tmp_path / ADAPTER)
    settings = tmp_path / ADAPTER / "adapter_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"use_rslora": True}))
    with pytest.raises(InputError, match="rslora"):
        evaluator.evaluate(tmp_path / ADAPTER)


def test_an_adapter_is_scaled_as_its_own_alpha_says(adapted, evaluator, tmp_path):
    adapted.save_adapter(tmp_path / "half")
    settings = tmp_path / "half" / "adapter_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"lora_alpha": 2}))
    with torch.no_grad():
        for name, parameter in adapted.trained():
            parameter.mul_(0.5 if "lora_B" in name else 1)
    adapted.save_adapter(tmp_path / "weights")
    half, weights = (evaluator.evaluate(tmp_path / name).parts for name in ("half", "weights"))
    assert [part.tuned for part in half] == pytest.approx([part.tuned for part in weights])


def test_a_model_with_a_scale_of_its_own_measures_an_adapter_alike(adapted, evaluator, tmp_path):
    adapted.save_adapter(tmp_path / ADAPTER)
    scaled = AdapterEvaluator(merged(evaluator.settings, nested({"model.lora.inference_scale": 0.5})), 3000)
    one, other = ([part.tuned for part in each.evaluate(tmp_path / ADAPTER).parts] for each in (evaluator, scaled))
    assert other == pytest.approx(one)


def test_an_adapter_that_lacks_weights_is_refused(adapted, evaluator, tmp_path):
    adapted.save_adapter(tmp_path / ADAPTER)
    file = tmp_path / ADAPTER / "adapter_model.safetensors"
    weights = load_file(file)
    save_file(dict(list(weights.items())[1:]), file)
    with pytest.raises(InputError, match="1 weights missing, 0 unknown"):
        evaluator.evaluate(tmp_path / ADAPTER)


@pytest.mark.parametrize("row", ["ours", "-curriculum", "+context"])
def test_rows_that_are_less_full_take_more_steps(experiment, row):
    longer = Experiment(experiment.configuration, experiment.repository, experiment.tip, 30, 3000)
    settings = settings_of_equal_tokens(longer, row, 0)
    tokens, learned = planned_tokens(settings)
    assert tokens == pytest.approx(30 * 2 * 128, rel=0.1)
    assert 0 < learned < tokens
    assert settings["trainer"]["max_steps"] % 3 == 0


def test_a_history_too_short_for_the_steps_is_refused_before_training_with_a_number_that_does(experiment, monkeypatch):
    monkeypatch.setattr(ours, "subprocess", None)
    longer = replace(experiment, steps=3000)
    with pytest.raises(InputError, match=r"steps, and \d+ are wanted before each of 3 looks") as caught:
        ours.train_ours(longer, OURS, 0, Path())
    most = int(re.search(r"give --steps (\d+) or fewer, or a longer history", str(caught.value))[1])
    for steps in (most, STEPS):
        enough = replace(experiment, steps=steps)
        ours.refuse_short_epochs(enough, ours.settings_of_equal_tokens(enough, OURS, 0))


def test_to_a_history_too_short_for_any_steps_no_number_is_named(experiment):
    # as where rows are so empty that a run of 3 steps of full ones takes 3000
    with pytest.raises(InputError, match="looks at validation; give a longer history"):
        refuse_short_epochs(experiment, experiment.run_settings(OURS, 0, 3000))


def test_a_run_last_measured_before_its_end_is_refused_with_nothing_said_of_a_folder(experiment):
    training = {"training_stats": {}, "history": [{"step": 2}]}
    with pytest.raises(CodelmError, match=r"at step 2 of 3, .*; take from the configuration what ends a run early"):
        figures(experiment.run_settings(OURS, 0), {"phase_results": {"phase_4_training": training}})


@pytest.mark.parametrize(("factor", "rate"), [(1.0, 2e-2), (0.5, 1e-2)])
def test_the_peer_s_rate_lies_between_those_of_our_two_matrices(experiment, monkeypatch, tmp_path, factor, rate):
    settings = merged(experiment.run_settings(OURS, 0), nested({"model.lora.loraplus_ratio": 4}))
    rates = []

    def stop(settings, model, documents, scratch):
        rates.append(model.learning_rate)
        raise CodelmError("far enough")

    monkeypatch.setattr(peer, "_sft_trainer", stop)
    with pytest.raises(CodelmError, match="far enough"):
        peer.train_peer(settings, experiment.settings(), tmp_path, rate_factor=factor)
    assert rates == pytest.approx([rate])


def test_the_peer_reads_nothing_of_the_future(experiment, git):
    data = open_evaluation_data(instantiate(experiment.settings()).data)
    tokenizer = load_tokenizer(experiment.configuration["model"]["base"])
    documents = peer_documents(experiment.run_settings(OURS, 0, steps=300), data)
    text = "".join(tokenizer.decode(ids) for part in documents for ids in part)
    scrape = data.store.facts["scrape"]["repositories"][0]
    past = set(git(experiment.repository, "grep", "-h", "fn ", scrape["split"]["cut"], "--", "src").splitlines())
    added = git(experiment.repository, "diff", "-U0", scrape["split"]["cut"], experiment.tip, "--", "src")
    future = [line[1:].strip() for line in added.splitlines() if line.startswith("+") and "fn add_" in line]
    assert len(future) >= 10
    assert not any(line in text for line in future)
    assert sum(line.strip() in text for line in past) >= 10  # it does read


@pytest.fixture
def counted(monkeypatch):
    """Let runs be made without training, one of them failing, and count them."""
    made = []

    def train_ours(experiment, row, seed, folder):
        made.append((row, seed))
        if row == "-fim":
            raise CodelmError("out of luck")
        (folder / ADAPTER).mkdir()
        return Trained(10, 5, 1.0)

    monkeypatch.setattr(runs, "train_ours", train_ours)
    monkeypatch.setattr(
        runs.AdapterEvaluator, "evaluate", lambda *_: Measured("c", [CommitNll("1", "hole", 10, 5.0, 4.0)], [])
    )
    return made


def test_a_finished_run_is_not_run_again_and_a_failed_one_is(experiment, counted, tmp_path):
    results, runs = tmp_path / "results.jsonl", [("ours", 0), ("-fim", 0), ("-curriculum", 0)]
    assert run_missing(experiment, runs, results, tmp_path / "work") == 1
    assert run_missing(experiment, runs, results, tmp_path / "work") == 1
    assert counted == [("ours", 0), ("-fim", 0), ("-curriculum", 0), ("-fim", 0)]
    assert set(of_experiment(read_results(results), experiment)) == {("ours", 0), ("-curriculum", 0)}


def test_a_run_that_failed_leaves_nothing(experiment, counted, tmp_path):
    run_missing(experiment, [("-fim", 0)], tmp_path / "results.jsonl", tmp_path / "work")
    assert not list((tmp_path / "work").rglob("*fim*"))
    assert not (tmp_path / "results.jsonl").exists()


def test_a_run_that_was_stopped_while_it_was_measured_is_not_trained_again(experiment, counted, monkeypatch, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    evaluate = runs.AdapterEvaluator.evaluate
    monkeypatch.setattr(runs.AdapterEvaluator, "evaluate", stop)
    with pytest.raises(KeyboardInterrupt):
        run_missing(experiment, [(OURS, 0)], tmp_path / "results.jsonl", tmp_path)
    assert load(tmp_path / experiment.key / folder_name(OURS, 0)) == Trained(10, 5, 1.0)
    monkeypatch.setattr(runs.AdapterEvaluator, "evaluate", evaluate)
    assert run_missing(experiment, [(OURS, 0)], tmp_path / "results.jsonl", tmp_path) == 0
    assert counted == [(OURS, 0)]


def test_without_its_trainer_the_peer_is_refused_in_words(experiment, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "installed_version", lambda name: None)
    with pytest.raises(InputError, match="needs TRL"):
        runs.train_by_public_recipe(experiment, "peer", 0, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("trl") is None, reason="TRL is not installed")
@pytest.mark.filterwarnings("ignore")  # of TRL and what it brings
def test_peer_and_ours_are_trained_measured_and_put_in_a_table(experiment, tmp_path, capsys):
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(experiment.configuration))
    command = [experiment.repository, "--config", str(tmp_path / "given.yaml"), "--steps", str(STEPS), "--seeds", "0"]
    command += ["--rows", "peer", "ours", "-fim", "--work", str(tmp_path / "work"), "--table", str(tmp_path / "t.md")]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert [line.split(" ")[1] for line in text.splitlines() if line.startswith("| ")][2:] == ["base", *command[8:11]]
    assert (tmp_path / "t.md").read_text() == text
    lines = (tmp_path / "work" / "numbers.jsonl").read_text().splitlines()
    read = {line["row"]: line["trained"]["tokens"] for line in map(json.loads, lines)}
    assert read["peer"] == STEPS * 2 * 128
    assert read["ours"] == pytest.approx(read["peer"], rel=0.35)
    assert main(command) == 0
    assert capsys.readouterr().out == text
    assert (tmp_path / "work" / "numbers.jsonl").read_text().splitlines() == lines

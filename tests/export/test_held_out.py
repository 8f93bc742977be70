import math

import numpy as np
import pytest
import torch
import yaml

from codelm.datamodules import GitCommitDataModule
from codelm.errors import CodelmError
from codelm.evaluation.data import EvaluationData
from codelm.evaluation.tasks.likelihood import scored_runs
from codelm.export.held_out import compare, finished_module, held_out_text, nll_by
from codelm.history.samples.formats import Formats
from codelm.history.samples.pieces import Role
from codelm.inference.tuned_model import load_tuned
from codelm.modules.base_model import load_base
from codelm.modules.merging import merge_adapter, with_saved_adapter
from codelm.saved_run import SavedRun
from codelm.special_tokens import END_OF_TEXT, STARCODER2


@pytest.fixture(scope="module")
def text(learned_run, merging_base):
    return held_out_text(SavedRun(learned_run), str(merging_base), 20_000)


def test_the_text_is_the_run_s_test_part(text, learned_run, merging_base):
    settings = yaml.safe_load((learned_run / "config.yaml").read_text())["data"]
    same = {name: settings[name] for name in ("repo", "cache", "sequence_length", "held_out")}
    data = GitCommitDataModule(str(merging_base), formats=Formats(fim_format=STARCODER2.name), **same)
    assert data.store_folder.is_dir()  # the store has the name that training gives it
    data.setup()
    wanted = EvaluationData(data.store, data.encoder).test_samples(20_000)
    assert [sample.ids.tolist() for sample in text.samples] == [sample.ids.tolist() for sample in wanted]
    assert len({sample.commit for sample in text.samples}) == 6
    assert text.row == 256


def test_fewer_tokens_are_fewer_whole_commits(learned_run, merging_base, text):
    few = held_out_text(SavedRun(learned_run), str(merging_base), 100)
    kept = {sample.commit for sample in few.samples}
    assert len(kept) < 6
    whole = [sample.ids.tolist() for sample in text.samples if sample.commit in kept]
    assert [sample.ids.tolist() for sample in few.samples] == whole


def test_a_merged_model_scores_every_token_as_what_was_trained(text, learned_run, merging_base):
    trained = nll_by(load_tuned(SavedRun(learned_run)).module, text)
    merged = merge_adapter(with_saved_adapter(load_base(str(merging_base)), learned_run / "adapter"))
    found = nll_by(finished_module(merged, keeps_samples_apart=True), text)
    apart = nll_by(finished_module(merged, keeps_samples_apart=False), text)
    for each, other, alone, sample in zip(found, trained, apart, text.samples, strict=True):
        assert each.shape == (len(sample.ids),)
        assert each[0] == 0
        np.testing.assert_allclose(each, other, atol=2e-3)
        np.testing.assert_allclose(each, alone, atol=2e-3)
    base = nll_by(finished_module(load_base(str(merging_base)), keeps_samples_apart=True), text)
    assert any(np.abs(each - other).max() > 0.1 for each, other in zip(found, base, strict=True))
    with torch.no_grad():
        ids = torch.from_numpy(text.samples[0].ids)
        logits = merged(input_ids=ids[None], use_cache=False).logits[0].log_softmax(-1)
    np.testing.assert_allclose(found[0][1:], -logits[:-1].gather(1, ids[1:, None])[:, 0].numpy(), atol=2e-3)


def test_bits_per_byte_are_of_the_added_lines_alone(text):
    before = [np.where(sample.roles == Role.TARGET, math.log(2), 100.0) for sample in text.samples]
    after = [np.where(sample.roles == Role.TARGET, math.log(4), 0.0) for sample in text.samples]
    found = compare(text, before, after)
    # A token of the tokenizer of bytes is a byte, "fn" two, and the special token at the end of a text has none.
    targets = np.concatenate([sample.ids[sample.roles == Role.TARGET] for sample in text.samples])
    fn, end = (text.encoder.locate("fn")[0][0], text.encoder.special_ids[END_OF_TEXT])
    size = len(targets) + int((targets == fn).sum()) - int((targets == end).sum())
    assert found["bytes"] == size
    assert found["before"] == pytest.approx((len(targets) - int((targets == end).sum())) / size)
    assert found["commits"] == 6
    assert found["after"] == pytest.approx(2 * found["before"])
    assert found["change_percent"] == pytest.approx(100)


def test_the_figures_are_those_of_the_evaluation(text):
    rng = np.random.default_rng(0)
    before, after = ([rng.random(len(sample.ids)) for sample in text.samples] for _ in range(2))
    data = EvaluationData.__new__(EvaluationData)
    data.encoder, data.known_lines = text.encoder, frozenset()
    runs = [run for each in zip(text.samples, before, after, strict=True) for run in scored_runs(data, *each)]
    found = compare(text, before, after)
    size = sum(run.added.bytes for run in runs)
    assert found["bytes"] == size
    assert found["before"] == pytest.approx(sum(run.added.base for run in runs) / math.log(2) / size)
    assert found["after"] == pytest.approx(sum(run.added.tuned for run in runs) / math.log(2) / size)


def test_a_repository_that_is_gone_is_named(run_with_history, merging_base):
    path = run_with_history / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["data"]["repo"] = "/gone/elsewhere"
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(CodelmError, match="/gone/elsewhere"):
        held_out_text(SavedRun(run_with_history), str(merging_base), 100)


def test_settings_of_another_version_are_named(run_with_history, merging_base):
    path = run_with_history / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["data"]["new_setting"] = 1
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(CodelmError, match=r"config\.yaml has data settings of another version"):
        held_out_text(SavedRun(run_with_history), str(merging_base), 100)

import copy

import pytest

from codelm.report.run_comparison import compare_runs


def manifest(**changes):
    """A manifest with what is compared, and values changed by their keys, joined by dots."""
    found = {
        "phase_results": {
            "phase_1_scrape": {"repositories": [{"split": {"cut": "a", "second_cut": "b"}}]},
            "phase_4_training": {
                "training_stats": {"final_val_loss": 2.0, "final_perplexity": 7.4, "training_time_minutes": 10.0},
                "held_out": {"batches": 6, "of_batches": 6, "rows": 30, "targets": 900},
            },
        },
        "evaluation": {
            "run": {"name": "a"},
            "likelihood": {
                "bytes": 100,
                "new": {"base": 1.0, "tuned": 0.9, "change_percent": -10.0, "interval": [-12.0, -8.0]},
            },
            "cursor": {
                "asked": {"tasks": 10},
                "rest_of_line": {
                    "tuned": {"bits_per_byte": 1.5, "exact": 0.25, "similarity": 50.0},
                    "change_percent": -5.0,
                    "interval": None,
                    "exact_difference": {"estimate": 0.05, "low": -0.01, "high": 0.11},
                    "similarity_difference": {"estimate": 3.0, "low": 1.0, "high": 5.0},
                },
            },
            "holes": {"tasks": 10},
            "general": {"forgetting_percent": 2.0},
        },
    }
    for way, value in changes.items():
        *keys, last = way.split("__")
        part = found
        for key in keys:
            part = part[key]
        part[last] = value
    return found


def by_name(comparison):
    return {result.name: result for result in comparison.results}


def test_what_a_refresh_gained_is_shown_beside_the_run_that_it_began_with():
    refresh = {"before": 1.2, "after": 1.1, "change_percent": -8.3, "interval": [-12.0, -4.0], "kept": "new"}
    found = by_name(compare_runs([manifest(refresh=None), manifest(refresh=refresh)], [{}, {}]))
    assert found["after a refresh, bits per byte"].shown == ["-", "1.100 (-8.3 %, -12.0 to -4.0)"]
    unmeasured = {"unmeasured": "stopped", "kept": "old"}
    assert "after a refresh, bits per byte" not in by_name(compare_runs([manifest(refresh=unmeasured)], [{}]))


def test_the_memory_of_the_gpu_is_that_which_a_manifest_names(monkeypatch):
    import torch

    from codelm.runs.environment import peaks

    for name, peak in (("max_memory_allocated", 3), ("max_memory_reserved", 4)):
        monkeypatch.setattr(torch.cuda, name, lambda device, peak=peak: peak * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    found = by_name(compare_runs([manifest(hardware={"peaks": peaks()}), manifest()], [{}, {}]))
    assert found["memory of the GPU, GiB"].values == [4.0, None]


def test_only_the_settings_that_differ_are_shown():
    settings = [{"model.lora.r": 8, "output": "a", "data.seed": 1}, {"model.lora.r": 16, "output": "b", "new": 3}]
    found = compare_runs([manifest(), manifest()], [*settings])
    assert found.settings == {"model.lora.r": [8, 16], "data.seed": [1, None], "new": [None, 3]}


def test_an_empty_group_is_no_row_beside_those_of_what_another_run_has_in_it():
    settings = [{"data.rules": {}}, {"data.rules.**/*.rs": 2.0}]
    assert compare_runs([manifest()] * 2, settings).settings == {"data.rules.**/*.rs": [None, 2.0]}
    assert compare_runs([manifest()] * 2, [{"a": {}}, {"a": None}]).settings == {"a": [{}, None]}
    assert compare_runs([manifest()] * 2, [{"a": 1}, {"a.b": 2}]).settings == {"a": [1, None], "a.b": [None, 2]}


def test_the_best_has_the_lowest_loss_and_the_highest_similarity():
    better = manifest(
        phase_results__phase_4_training__training_stats__final_val_loss=1.9,
        evaluation__cursor__rest_of_line__tuned={"bits_per_byte": 1.6, "exact": 0.3, "similarity": 60.0},
    )
    found = by_name(compare_runs([manifest(), better], [{}, {}]))
    assert found["validation loss, nats per token"].best == 1
    assert found["to the end of a line, bits per byte"].best == 0
    assert found["to the end of a line, exact, %"].best == 1
    assert found["to the end of a line, similarity of 100"].best == 1
    assert found["general code forgotten, %"].best is None  # they are equal


def test_a_result_is_shown_with_its_change_and_interval():
    found = by_name(compare_runs([manifest(), manifest()], [{}, {}]))
    assert found["new lines, bits per byte"].shown[0] == "0.900 (-10.0 %, -12.0 to -8.0)"
    assert found["to the end of a line, bits per byte"].shown[0] == "1.500 (-5.0 %)"  # too few commits
    assert found["to the end of a line, exact, %"].shown[0] == "25.0 (+5.0, -1.0 to +11.0)"
    assert found["validation loss, nats per token"].shown[0] == "2.0000"
    assert "filling gaps, similarity of 100" not in found  # no run has it


@pytest.mark.parametrize(
    ("changes", "kept", "lost"),
    [
        (
            {"phase_results__phase_1_scrape__repositories": [{"split": {"cut": "a", "second_cut": "c"}}]},
            "validation loss, nats per token",
            "new lines, bits per byte",
        ),
        (
            {"phase_results__phase_1_scrape__repositories": [{"split": {"cut": "c", "second_cut": "b"}}]},
            "new lines, bits per byte",
            "validation loss, nats per token",
        ),
        ({"evaluation__likelihood__bytes": 99}, "validation loss, nats per token", "new lines, bits per byte"),
        (
            {"phase_results__phase_4_training__held_out__targets": 901},
            "new lines, bits per byte",
            "validation loss, nats per token",
        ),
    ],
)
def test_what_was_measured_on_other_text_has_no_best(changes, kept, lost):
    other = manifest(
        phase_results__phase_4_training__training_stats__final_val_loss=1.0,
        evaluation__likelihood__new={"tuned": 0.5, "change_percent": -50.0, "interval": [-51.0, -49.0]},
    )
    assert not compare_runs([manifest(), copy.deepcopy(other)], [{}, {}]).notes
    for way, value in changes.items():
        *keys, last = way.split("__")
        part = other
        for key in keys:
            part = part[key]
        part[last] = value
    found = compare_runs([manifest(), other], [{}, {}])
    results = by_name(found)
    assert (results[kept].best, results[lost].best) == (1, None)
    [note] = found.notes
    assert "other" in note


def test_other_batches_of_the_same_rows_are_no_other_text():
    other = {"batches": 3, "of_batches": 3, "rows": 31, "targets": 900}  # two processes, one of which had a row less
    better = manifest(
        phase_results__phase_4_training__held_out=other,
        phase_results__phase_4_training__training_stats__final_val_loss=1.9,
    )
    found = compare_runs([manifest(), better], [{}, {}])
    assert found.notes == []
    assert by_name(found)["validation loss, nats per token"].best == 1


@pytest.mark.parametrize("evaluation", [None, {"unfinished": "stopped"}])
def test_a_run_that_was_not_evaluated_has_hyphens_and_keeps_no_others_from_being_compared(evaluation):
    better = manifest(evaluation__general={"forgetting_percent": 1.0})
    better["evaluation"]["likelihood"]["new"]["tuned"] = 0.8
    found = compare_runs([manifest(), better, manifest(evaluation=evaluation)], [{}, {}, {}])
    assert found.notes == []
    result = by_name(found)["new lines, bits per byte"]
    assert (result.values, result.shown[2], result.best) == ([0.9, 0.8, None], "-", 1)


def test_a_run_that_was_not_validated_keeps_no_others_from_being_compared():
    better = manifest(phase_results__phase_4_training__training_stats__final_val_loss=1.9)
    stopped = manifest(
        phase_results__phase_4_training__held_out=None,
        phase_results__phase_4_training__training_stats__final_val_loss=None,
    )
    found = compare_runs([manifest(), better, stopped], [{}, {}, {}])
    assert found.notes == []
    assert by_name(found)["validation loss, nats per token"].best == 1


@pytest.mark.parametrize("value", [None, "2.0", True, float("nan"), [1.0], {}])
def test_what_is_no_number_counts_as_not_measured(value):
    odd = manifest(phase_results__phase_4_training__training_stats__final_val_loss=value)
    result = by_name(compare_runs([odd, manifest()], [{}, {}]))["validation loss, nats per token"]
    assert result.values == [None, 2.0]

import pytest
from jsonargparse import Namespace


@pytest.fixture
def callbacks():
    from codelm.cli.default_callbacks import default_callbacks
    from codelm.evaluation.settings import EvaluationSettings

    settings = Namespace(
        behavior=Namespace(prompts=["fn"], language="rust"), evaluation=EvaluationSettings(minutes=3.0)
    )
    return lambda *given, **options: default_callbacks(
        given, settings, **({"predicts": False, "quiet": False} | options)
    )


def test_all_that_write_to_the_record_stand_in_their_order_and_progress_behind_them(callbacks):
    from codelm.callbacks import (
        BaseReference,
        FinishRun,
        Forgetting,
        Lineage,
        Manifest,
        Progress,
        TimeLimit,
        TrainingHistory,
    )
    from codelm.callbacks.recording import RecordingCallback

    found = callbacks(Progress(), Manifest(), Forgetting())
    assert type(found[-1]) is Progress
    order = [type(one) for one in found if isinstance(one, RecordingCallback)]
    assert order[0] is TimeLimit  # it measures how long the others take
    assert order[2:-1] == [BaseReference, TrainingHistory, Lineage, Manifest, Forgetting, FinishRun]


def test_a_listed_callback_with_settings_of_its_own_replaces_ours(callbacks):
    from codelm.callbacks import FinishRun, Forgetting, Progress
    from codelm.runs.finish import WriteManifest

    finish, forgetting, progress = FinishRun([WriteManifest()]), Forgetting(every_n_epochs=2), Progress(7.0)
    found = callbacks(finish, forgetting, progress)
    for one in (finish, forgetting, progress):
        assert [each for each in found if type(each) is type(one)] == [one]
    assert len({id(one.record) for one in (*found, *finish.steps) if hasattr(one, "record")}) == 1


def test_a_listed_finish_without_steps_follows_the_settings_of_the_command(callbacks):
    from codelm.callbacks import CheckpointReport, FinishRun
    from codelm.runs.finish import Evaluate, PrintSummary

    found = callbacks(FinishRun(), CheckpointReport(), quiet=True)
    (finish,) = [one for one in found if isinstance(one, FinishRun)]
    (report,) = [one for one in found if isinstance(one, CheckpointReport)]
    assert [step.settings.minutes for step in finish.steps if isinstance(step, Evaluate)] == [3.0]
    assert not any(isinstance(step, PrintSummary) for step in finish.steps)
    assert (report.settings.minutes, report.summary) == (3.0, False)

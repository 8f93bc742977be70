import pytest

from codelm.errors import InputError
from experiments.ablation.command import parse_options, plan_runs
from experiments.ablation.objects import instantiate, refuse_equal_to_ours
from experiments.ablation.rows import CONFIGS, OURS, PEERS, ROWS, VARIANTS, Experiment
from experiments.ablation.settings import read_settings


@pytest.fixture
def experiment():
    return Experiment(read_settings([CONFIGS / "tiny.yaml"]), "/nowhere/fd.git", "f" * 40, steps=12, test_tokens=1000)


def flat(settings, before=""):
    """Return nested settings as {full name: value}; the rules of importance are values."""
    found = {}
    for name, value in settings.items():
        nested = isinstance(value, dict) and not name.endswith("_rules")
        found |= flat(value, f"{before}{name}.") if nested else {before + name: value}
    return found


@pytest.mark.parametrize("row", VARIANTS)
def test_a_variant_differs_from_ours_in_its_own_settings_alone(experiment, row):
    ours, variant = (flat(experiment.run_settings(name, seed=0)) for name in (OURS, row))
    differing = {name for name in ours | variant if ours.get(name) != variant.get(name)}
    assert differing <= set(VARIANTS[row])
    assert all(variant[name] == value for name, value in VARIANTS[row].items())


@pytest.mark.parametrize("row", VARIANTS)
def test_each_variant_differs_from_the_configuration_that_is_shipped_for_it(experiment, row):
    refuse_equal_to_ours(experiment, row)


def test_a_row_that_would_be_ours_again_is_refused():
    configuration = read_settings([CONFIGS / "tiny.yaml", CONFIGS / "weighting.yaml"])
    with_rules = Experiment(configuration, ".", "f" * 40, steps=12, test_tokens=1000)
    with pytest.raises(InputError, match=r"\+rules would be ours again"):
        refuse_equal_to_ours(with_rules, "+rules")


def test_a_row_does_not_change_the_configuration_that_others_are_made_from(experiment):
    before = experiment.settings()
    experiment.run_settings("+rules", seed=1)
    assert experiment.settings() == before


def test_all_runs_take_their_steps_whatever_the_time_limit_of_the_configuration(experiment):
    trainer = experiment.run_settings(OURS, seed=0)["trainer"]
    assert (trainer["max_steps"], trainer["max_epochs"], trainer["max_time"]) == (12, -1, None)


def test_validations_share_the_batches_of_accumulated_steps(experiment):
    experiment.configuration["trainer"]["accumulate_grad_batches"] = 4
    assert experiment.run_settings(OURS, seed=0)["trainer"]["limit_train_batches"] == 16


def test_the_settings_are_those_of_the_command(experiment):
    model, data = instantiate(experiment.run_settings("+context", seed=7))
    assert (model.base, data.tokenizer, data.seed, data.context_weight) == ("tiny", "tiny", 7, 0.1)
    assert data.store_settings.max_commits == experiment.configuration["data"]["max_commits"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"data": {"context_weigth": 1.0}}, "context_weigth"),
        ({"model": {"base": 3}}, 'model.base: "3" is not text'),
        ({"model": {"lora": 5}}, "one value where several settings belong"),
        ({"data": {"formats": None}}, "one value where several settings belong"),
    ],
)
def test_a_setting_that_makes_nothing_is_refused_in_a_line(given, why):
    with pytest.raises(InputError, match=why) as caught:
        instantiate(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [None, 0, 2.5, "two"])
def test_batches_that_make_no_step_are_refused(experiment, number):
    experiment.configuration["trainer"]["accumulate_grad_batches"] = number
    with pytest.raises(InputError, match=f"accumulate_grad_batches is {number}: give a whole number"):
        experiment.run_settings(OURS, seed=0)


@pytest.mark.parametrize(
    "changed", [{"tip": "e" * 40}, {"steps": 15}, {"test_tokens": 2000}, {"configuration": {}}, {"base_digest": "ab"}]
)
def test_experiments_that_differ_have_different_keys(experiment, changed):
    same = {name: getattr(experiment, name) for name in ("configuration", "repository", "tip", "steps", "test_tokens")}
    assert Experiment(**same).key == experiment.key != Experiment(**same | changed).key


def test_where_the_repository_lies_does_not_matter(experiment):
    moved = Experiment(experiment.configuration, "/elsewhere/fd.git", experiment.tip, experiment.steps, 1000)
    assert moved.key == experiment.key


def test_another_name_of_the_repository_which_stands_in_every_prompt_is_another_experiment(experiment):
    renamed = Experiment(experiment.configuration, "/nowhere/find.git", experiment.tip, experiment.steps, 1000)
    assert renamed.key != experiment.key


def test_settings_of_what_no_run_does_make_no_other_experiment(experiment):
    configuration = experiment.configuration | {"evaluation": {"minutes": 1}, "behavior": {"prompts": ["fn"]}}
    other = Experiment(configuration, experiment.repository, experiment.tip, experiment.steps, 1000)
    assert other.key == experiment.key


def test_the_peers_have_our_settings(experiment):
    assert all(experiment.run_settings(row, seed=0) == experiment.run_settings(OURS, seed=0) for row in PEERS)


def test_rows_may_be_named_as_options_are():
    options = parse_options(["repo", "--rows", "peer", "ours", "-fim", "-curriculum", "--seeds", "0", "1"])
    assert options.rows == ["peer", "ours", "-fim", "-curriculum"]
    assert options.seeds == [0, 1]


def test_a_row_nobody_knows_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse_options(["repo", "--rows", "yours"])
    assert "yours" in capsys.readouterr().err


def test_by_default_all_rows_run_but_the_controls_and_variants_once():
    options = parse_options(["repo"])
    runs = plan_runs(options.rows, options.seeds, options.variant_seeds)
    assert {row for row, _ in runs} == set(ROWS) - {"peer-slow", "peer-fast", "peer-fp32"}
    assert [seed for row, seed in runs if row == OURS] == [0, 1, 2]
    assert [seed for row, seed in runs if row == "-fim"] == [0]


def test_seeds_of_variants_can_be_others():
    assert plan_runs(["ours", "-fim"], [0], [1, 2]) == [("ours", 0), ("-fim", 1), ("-fim", 2)]

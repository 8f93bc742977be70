"""Every shipped configuration, held to the table of what it promises."""

import pytest
import yaml

from codelm.cli.config_files import shipped_folder, shipped_names

SIX_NAMES = ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"]

BOTH = {
    "model.base": "bigcode/starcoder2-3b",
    "model.quantization": "nf4",
    "model.double_quantization": True,
    "model.lora.dropout": 0.05,
    "model.lora.targets": SIX_NAMES,
    "model.warmup": 0.1,
    "model.weight_decay": 0.01,
    "data.held_out": 0.1,
    "trainer.gradient_clip_val": 1.0,
    "trainer.max_epochs": 6,
    "trainer.precision": None,  # chosen by the device
    "early_stopping.monitor": "val/loss",
    "early_stopping.patience": 3,
    "early_stopping.min_delta": 1e-4,
    "behavior.every_n_epochs": 1,
    "behavior.temperature": 0.7,
    "behavior.top_p": 0.95,
    "evaluation.enabled": True,
    "evaluation.minutes": 5.0,
    "evaluation.every_n_epochs": 1,
    "seed_everything": 42,
}

TABLE = {
    "configs/default.yaml": BOTH
    | {
        "data.sequence_length": 2048,
        "model.lora.r": 8,
        "model.lora.alpha": 16,
        "model.learning_rate": 1e-4,
        "data.batch_size": "auto",
        "trainer.accumulate_grad_batches": 16,
        "behavior.max_new_tokens": 256,
    },
    "configs/rust.yaml": BOTH
    | {
        "data.sequence_length": 4096,
        "model.lora.r": 16,
        "model.lora.alpha": 32,
        "model.learning_rate": 2e-4,
        "data.batch_size": "auto",
        "trainer.accumulate_grad_batches": 16,
        "behavior.max_new_tokens": 512,
        "behavior.language": "rust",
        "data.filters.ignore": [
            *("target/", "*.rlib", "*.rmeta", "*.so", "*.dylib", "*.dll", "*.exe", "*.pdb", "*.profraw", "*.profdata"),
            "Cargo.lock",
        ],
        "data.importance.file_rules": {},
        "data.importance.message_rules": {},
        "data.importance.half_life_days": None,
        "behavior.prompts": [
            *("fn process", "impl", "pub struct", "pub enum", "async fn", "#[derive(", "match", "Result<", "Option<"),
            *("fn new() -> Self", "where\n    T:", "Box<dyn", "Arc<Mutex<", "use std::", "use crate::"),
            *("impl Error for", ".map_err(", "#[cfg(test)]", "mod tests {", "#[test]", "assert_eq!("),
            *("impl Transaction", "struct Energy", "fn validate", "async fn handle"),
        ],
    },
    "configs/tiny.yaml": {"model.base": "tiny", "model.quantization": "nf4", "behavior.language": "rust"},
}


@pytest.fixture
def printed(capsys):
    """Return what ``--print_config`` says about arguments, as a flat mapping."""
    from codelm.cli import main

    def parse(*arguments):
        assert main(["fit", *arguments, "--print_config"]) == 0, capsys.readouterr().err
        return yaml.safe_load(capsys.readouterr().out)

    return parse


def value(config, key):
    for word in key.split("."):
        config = config[word]
    return config


@pytest.mark.parametrize("name", TABLE)
def test_a_shipped_configuration_keeps_the_table(name, printed):
    config = printed("--config", name)
    assert {key: value(config, key) for key in TABLE[name]} == TABLE[name]


def test_without_a_configuration_the_default_one_counts(printed):
    assert printed() == printed("--config", "configs/default.yaml")


def test_the_default_configuration_leaves_out_what_python_builds(printed):
    ignored = printed()["data"]["filters"]["ignore"]
    wanted = {"__pycache__/", "*.pyc", "dist/", "build/", ".venv/", "node_modules/"}
    assert wanted <= set(ignored)


@pytest.mark.parametrize(
    "lock", ["Cargo.lock", "poetry.lock", "uv.lock", "yarn.lock", "a/package-lock.json", "pnpm-lock.yaml"]
)
def test_the_default_configuration_leaves_out_lock_files(lock, printed):
    from codelm.history.filters.selection import path_filter
    from codelm.history.filters.settings import Filters

    with path_filter(Filters(ignore=printed()["data"]["filters"]["ignore"])) as reason:
        assert reason(lock)


@pytest.mark.parametrize(
    "kept", ["Cargo.toml", "src/lib.rs", "tests/a.rs", "benches/b.rs", "examples/c.rs", "a/src/main.rs"]
)
def test_the_rust_configuration_keeps_what_people_write(kept, printed):
    from codelm.history.filters.selection import path_filter
    from codelm.history.filters.settings import Filters

    ignored = printed("--config", "configs/rust.yaml")["data"]["filters"]["ignore"]
    with path_filter(Filters(ignore=ignored)) as reason:
        assert reason(kept) is None


@pytest.mark.parametrize("base", ["configs/default.yaml", "configs/rust.yaml"])
@pytest.mark.parametrize("overlay", ["configs/hardware/6gb.yaml", "configs/hardware/24gb.yaml"])
def test_hardware_changes_how_a_step_is_cut_and_not_the_step(base, overlay, printed):
    config = printed("--config", base, "--config", overlay)
    assert config["data"]["batch_size"] * config["trainer"]["accumulate_grad_batches"] == 16
    assert config["data"]["sequence_length"] == printed("--config", base)["data"]["sequence_length"]


@pytest.mark.parametrize("base", ["configs/default.yaml", "configs/rust.yaml"])
def test_weighting_changes_nothing_but_how_much_files_and_commits_count(base, printed):
    plain, weighted = printed("--config", base), printed("--config", base, "--config", "configs/weighting.yaml")
    importance = weighted["data"].pop("importance")
    assert importance == plain["data"].pop("importance") | {
        "file_rules": {"lib.rs": 2.0, "main.rs": 1.5, "src/": 1.3, "tests/": 0.7, "Cargo.toml": 0.5},
        "message_rules": {"impl|trait|async|unsafe": 1.5, "error|result|unwrap|expect": 1.3},
        "half_life_days": 365,
    }
    assert weighted == plain


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_configuration_parses_and_says_how_it_is_run(name, printed):
    printed("--config", name)
    first_line = (shipped_folder() / name.removeprefix("configs/")).read_text().splitlines()[0]
    assert first_line.startswith("# codelm fit --config configs/")
    assert name in first_line


def test_later_configurations_and_settings_win(printed, tmp_path):
    (tmp_path / "mine.yaml").write_text("model: {lora: {r: 4}}\n")
    config = printed("--config", "configs/rust.yaml", "--config", str(tmp_path / "mine.yaml"), "--model.lora.alpha=8")
    assert (config["model"]["lora"]["r"], config["model"]["lora"]["alpha"]) == (4, 8)
    assert config["model"]["lora"]["targets"] == SIX_NAMES


def test_the_code_s_own_defaults_are_those_of_the_default_configuration(printed, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    own = printed("--config", str(tmp_path / "mine.yaml"))
    wanted = TABLE["configs/default.yaml"]
    assert {key: value(own, key) for key in wanted} == wanted


@pytest.mark.parametrize("architecture", ["Qwen2", "Llama", "Gemma", "Mistral", "Granite"])
def test_the_overlay_for_llama_s_names_adapts_every_linear_layer(architecture, printed):
    import transformers

    from codelm.modules.base_model import linear_layers

    config = printed("--config", "configs/rust.yaml", "--config", "configs/bases/llama.yaml")
    layers = linear_layers(getattr(transformers, f"{architecture}Config")(num_hidden_layers=1))
    assert {layer.rpartition(".")[2] for layer in layers} == set(config["model"]["lora"]["targets"])
    assert config["model"]["lora"]["r"] == 16

"""Defaults of settings that are not those of their classes, most of them Lightning's, and the bound of seeds."""

__all__ = ["DEFAULTS", "HIGHEST_SEED", "TRAINER"]

HIGHEST_SEED = 2**32 - 1
"""The highest seed that NumPy takes."""

TRAINER = {
    "max_epochs": 6,
    "accumulate_grad_batches": 16,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
    "enable_model_summary": False,  # it counts packed 4-bit weights as half of what they are
    "num_sanity_val_steps": 0,  # the base is measured on all held-out rows at step 0
    "use_distributed_sampler": False,  # the datamodule deals out the rows itself
}

_STOPPING = {"monitor": "val/loss", "patience": 3, "min_delta": 1e-4}

_CHECKPOINT = {
    "monitor": "val/loss",
    "save_top_k": 1,
    "save_last": True,
    "filename": "epoch={epoch}-step={step}",
    "auto_insert_metric_name": False,  # the slash in val/loss would make a folder
}

DEFAULTS = {
    f"{part}.{name}": value
    for part, settings in (("trainer", TRAINER), ("early_stopping", _STOPPING), ("checkpoint", _CHECKPOINT))
    for name, value in settings.items()
} | {"data.batch_size": "auto"}
"""All of them by the settings' full names."""

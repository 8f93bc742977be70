"""What a short run has left in its folder."""

import json

__all__ = ["files", "filled", "manifest", "training"]


def manifest(folder, name="numbers", version=0):
    return json.loads((folder / f"runs/{name}/version_{version}/MANIFEST.json").read_text())


def training(folder, **run):
    return manifest(folder, **run)["phase_results"]["phase_4_training"]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def filled(text, **values):
    """Return a configuration in which each name in capitals is replaced by its value."""
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text

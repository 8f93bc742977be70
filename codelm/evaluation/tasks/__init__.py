"""The questions of `codelm.evaluation` put to a model: as it was before training, and as it is now."""

"""Programs that made the figures of the docs; run one with `.venv/bin/python -m experiments.NAME`."""

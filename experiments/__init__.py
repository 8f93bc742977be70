"""How the figures of the docs were made; run with `.venv/bin/python -m experiments.NAME`."""

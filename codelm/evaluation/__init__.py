"""Evaluation of a model on data it was not trained on: tasks, their data and their time budget."""

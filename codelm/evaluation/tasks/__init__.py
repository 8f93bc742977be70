"""The evaluation tasks, each put to the base model and to the tuned model."""

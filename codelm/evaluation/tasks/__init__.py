"""The evaluation tasks, each for the base and the tuned model alike."""

"""The ablation: trainings that differ from the full recipe in one setting each, and a public recipe beside them."""

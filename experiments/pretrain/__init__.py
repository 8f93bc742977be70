"""Making of the bundled base model: corpus, tokenizer, training, evaluation."""

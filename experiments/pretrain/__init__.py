"""How the bundled base model is made: corpus, tokenizer, training, evaluation."""

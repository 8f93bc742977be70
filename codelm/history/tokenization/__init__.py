"""Encoding of samples to token ids and back; the only package that knows a tokenizer."""

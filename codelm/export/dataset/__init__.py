"""A repository's samples on their way to other trainers: as rows of text or of tokens, with what each of them is."""

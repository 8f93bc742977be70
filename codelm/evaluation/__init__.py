"""Pure functions over text that judge what a model wrote: where it ends, whether it parses, which idioms it uses."""

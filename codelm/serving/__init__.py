"""A run's model over HTTP, in the forms that editors ask in: OpenAI's completions and llama.cpp's infill."""

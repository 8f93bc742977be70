"""Pure functions over text and numbers: completions, infilled spans, likelihoods, idioms and their intervals."""

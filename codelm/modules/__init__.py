"""What learns: language models that train on packed rows."""

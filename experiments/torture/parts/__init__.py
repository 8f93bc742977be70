"""The parts of the table, a module each with a function `rows`."""

"""The plan of an epoch: which samples are drawn, in which order, packed into which rows."""

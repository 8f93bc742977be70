"""What the processes of the benchmark measure; of codelm they use only what both builds have."""

"""The benchmark: this build of codelm beside an older one and beside peers, all in one run on one machine."""

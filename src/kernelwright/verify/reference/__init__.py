"""The trusted side: the process that holds the reference Model, and what its Graph tells."""

"""The error rule: what an answer is judged by, in NumPy alone."""

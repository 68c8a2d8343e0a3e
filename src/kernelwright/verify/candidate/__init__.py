"""The untrusted side: one candidate in an isolated process, and what it may say."""

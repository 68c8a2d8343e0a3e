"""Build steps: text in, text or a shared library out; each names the tool that it runs."""

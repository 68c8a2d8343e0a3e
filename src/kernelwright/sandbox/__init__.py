"""An untrusted (or merely endless) job in a child process, reached over a framed channel.

``process.start`` gives a ``Child``; ``channel.Channel`` is what the job sees. Nothing is pickled.
"""

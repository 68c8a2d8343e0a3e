"""AUL kernel to loop IR: fused, vectorised loops for one CPU core.

``lower.lower_kernel`` is the way in. ``ir`` is the language, ``interpret`` its executable meaning,
``text`` its readable form.
"""

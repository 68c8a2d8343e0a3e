"""Capture of NumPy code: arrays that record what is done to them.

``array`` is the recording array, ``ufuncs``, ``reductions``, ``shapes``, ``algebra`` and
``indexing`` say what each NumPy function records, ``capture`` runs a Model on such arrays.
"""

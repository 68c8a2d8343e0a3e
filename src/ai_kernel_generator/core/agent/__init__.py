"""Import paths of the reference system; see ``kernelwright``."""

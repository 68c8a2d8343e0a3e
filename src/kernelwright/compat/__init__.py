"""The Python names of other systems, kept so that code written for them runs with this one."""

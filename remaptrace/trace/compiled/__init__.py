"""Byte machines for large recorded logs, compiled by numba.

Importing a module of this package imports numba; readers do so only for inputs that are worth it. What a
machine does not recognise at once it hands back by line, to be read by the plain reader: a machine is fast,
never the only one who knows. Compiled code is kept on disk by a hash of these sources.
"""

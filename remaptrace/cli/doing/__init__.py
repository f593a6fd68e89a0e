"""What short commands do, without the reader of command lines: `front` calls it at once, the commands after click.

The defaults of each function are those of the options; tests hold them together.
"""

"""Logs as people pass them on: quoted in mails, indented in pages, behind the prefixes of other logs.

`unpasted` undoes what a log went through, in front of the choice of a reader: encodings (UTF-16, a byte order
mark, quoted-printable, HTML entities, JSON lines of docker), colour codes, no-break blanks, carriage returns as
line ends, a prefix that the lines have in common, and the line breaks of mailers. The number of a line stays
what it is in the file. What was done is said in notes; text that is a log as it is comes back unchanged.
"""

from .whole import is_as_recorded, unpasted

__all__ = ["is_as_recorded", "unpasted"]

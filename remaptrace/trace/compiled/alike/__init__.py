"""Lines of strace text that are like one before: all but their numbers is known.

A *form* is what is remembered of a line (`forms`): its text, which of its bytes may be other digits, which numbers they
are, and its row. Others are `rows` of it when they have the same bytes in all other places; then only their numbers are
read. What becomes a form, and which digits of it may differ, `remember` finds out, from lines that the lexer has read.
"""

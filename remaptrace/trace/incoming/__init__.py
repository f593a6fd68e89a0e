"""Bytes on their way in: compressed, through pipes, more than is held in memory."""

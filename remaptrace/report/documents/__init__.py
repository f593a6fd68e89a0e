"""The documents that commands write as JSON, as types; where a report is made they are annotations, never imported."""

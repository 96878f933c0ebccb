"""Reasoning traces: read every common shape, check, leave out what would harm, keep as sets on this disk.

trace.py        one typed trace and its id
reading.py      a file to rows with true line numbers: encodings, JSONL, JSON
json_elements.py, delimited.py, parquet.py      the formats that need more than a line at a time
tags.py         where thinking begins and ends in a text
markup.py       chat templates' own tokens in a text
cells.py, column_names.py, column_choice.py     what stands in the columns of a file, and which of them count
conversations.py, columns.py, shapes.py         rows of every common shape to drafts of traces
draft.py        what a row was recognised as
checks.py       why a draft is left out
scripts.py, duplicates.py, overlap.py, secrets.py   the checks that need more than a look
importing.py    files to traces and a report, and a preview of it
store.py        trace sets on disk: add, list, edit, leave out, delete
tally.py        counts over a set
looking.py      search, token histogram
split.py        problems to training and held-out, never on both sides
export.py       a set in any of the shapes that are read
"""

__all__ = [
    "checks",
    "counting",
    "export",
    "fault",
    "importing",
    "looking",
    "reading",
    "replies",
    "split",
    "store",
    "trace",
]

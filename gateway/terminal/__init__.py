"""The admin API from a terminal: a file for each noun, each a group of `farebox`.

A command is a function that is given an AdminClient and its options, and returns what to show (commands.py): as a
table for people, or, with ``--json``, as the API's own JSON for scripts. What can't be undone is asked about first.
"""

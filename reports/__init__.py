"""The suite's voice: a finished run in, text out.

Each module of this folder is a format; `reports.formats` finds them.
"""

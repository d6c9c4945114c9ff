"""The grader process: forked warm for one submission, it runs the tests and holds the clock.

Nothing here imports Django: this process has no database, no broker and no settings.
"""

"""The process that runs a learner's code: loads it, calls it, returns values."""

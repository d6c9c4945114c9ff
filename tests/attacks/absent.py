"""The corpus' rows that are not among ``rows.ROWS``, each with the reason.

None of them counts as held.
"""

from __future__ import annotations

NOT_APPLICABLE = {
    "A11": "residual: one bit for each test and submission; inputs are drawn anew for each run",
    "B17": "no exercise forbids a function by reading the source",
    "C10": "no static check of the source",
    "D19": "sources are capped at 256 KiB; inputs are drawn anew for each run",
    "E06": "the control group counts swap as memory; this host has no swap to show it",
    "E19": "the engine's attach and exec are not used",
    "E20": "no archives, images or other files are taken; a notebook is JSON text",
    "F07": "an engine that restarts belongs to the operator; its containers are swept by label",
    "F08": "removal is forced and repeated by the janitor; a failing engine can't be staged here",
    "G09": "the site fetches no address that a person gives",
    "G11": "the network of a sandbox is no setting; sandbox_doctor examines it at every start",
    "H11": "learners supply no image",
    "H12": "the worker reads and writes no folder that a sandbox can write",
    "H14": "learners supply no image; ours is pinned by its digest",
    "H15": "a sandbox has no socket of the engine (G04); a proxy belongs to the operator",
    "H19": "not promised, see docs/security.md",
    "I07": "residual, see docs/security.md: locks on the shared read-only files",
    "I13": "submissions have no build step",
    "I14": "residual, see docs/adr/0004: sandboxes of one template have one user outside",
    "I16": "residual: load can be felt by a neighbour",
    "J14": "no shared memory",
    "J15": "no shared memory",
    "J16": "the stream is a pair of pipes, which carry no descriptors",
    "J22": "no images are shown",
    "J23": "nothing is negotiated: both ends are of one version",
    "L01": "no archives",
    "L02": "no archives",
    "L03": "no archives",
    "L04": "no archives",
    "L05": "no archives",
    "L06": "no file names are kept",
    "L09": "exercises have no helper modules: a submission is one text",
    "M10": "no templates by users",
    "M11": "no export of grades",
    "M13": "no LTI",
    "M14": "no LTI",
    "M23": "exercises are folders of the repository, not uploads",
    "M27": "no object storage",
    "M28": "no plagiarism check",
}

CANNOT_RUN_HERE = {
    **dict.fromkeys(
        ("D06", "D07", "D16", "D26", "I09", "I10", "I11", *(f"K{n:02}" for n in range(1, 13))),
        "needs a GPU",
    ),
    "H17": "the rows with the runtime docker-runsc, where gVisor is installed",
    "D15": "needs a machine whose clock follows its heat",
}

COVERED_ELSEWHERE = {
    "A17": "tests/submissions/test_views.py: a fault of ours is said to be ours",
    "B25": "tests/submissions/test_races.py, test_runs.py: claims and their tokens",
    "D20": "tests/leaderboard: intervals rank, not estimates; at the top only a duel does",
    "D21": "tests/grading/test_steadiness.py, tests/submissions/test_unsteady.py",
    "D25": "tests/leaderboard/test_services.py: an implausible speed is held for review",
    "E21": "tests/curriculum/test_notebooks.py, and tests/attacks/test_intake.py",
    "E22": "tests/submissions/test_submit.py: one learner may not fill the queue",
    "E23": "tests/faults/test_worker_listens.py, and the limits of each exercise",
    "F06": "tests/faults/test_worker_killed.py, tests/sandbox/test_docker.py",
    "F09": "tests/attacks/test_static.py",
    "F10": "tests/faults/test_leftovers.py, tests/sandbox/test_docker.py",
    "G10": "tests/grading: graders have a network namespace of their own",
    "H18": "tests/sandbox/test_doctor.py, test_docker.py: the runtime is examined",
    "I15": "tests/submissions/test_runs.py: who comes late with an old token writes nothing",
    "J24": "tests/sandbox/test_wire.py, make fuzz",
    "J25": "tests/sandbox/test_doctor.py: the word comes before a byte of the learner's is read",
    "L07": "tests/curriculum/test_notebooks.py, tests/submissions/test_views.py",
    "L11": "tests/submissions/test_submit.py: the text is stored with its version",
    "L12": "nothing that was handed in is served as a file",
    "M01": "tests/submissions/test_views.py: what a learner wrote or printed is text",
    "M02": "tests/curriculum/test_markdown.py",
    "M03": "tests/grading/test_checks.py: text that is shown is clean and capped",
    "M04": "tests/submissions/test_views.py: a post without the site's token changes nothing",
    "M05": "tests/submissions/test_views.py: a submission is not found by others",
    "M07": "there is no such interface: workers write to the database",
    "M08": "tests/leaderboard: runs rank, no form does; times are the server's, rulings are kept",
    "M12": "tests/accounts/test_accounts.py: sign in leads to no other site",
    "M15": "tests/config/test_deploy.py",
    "M16": "tests/submissions/test_submit.py, test_races.py: many tabs keep to the limit",
    "M17": "tests/submissions/test_views.py: a body that is far too large is refused",
    "M18": "tests/submissions/test_events.py: events of others are not found",
    "M20": "tests/config/test_config.py: framed by nobody",
    "M22": "tests/grading: graders are confined",
    "M24": "tests/submissions/test_races.py",
}

WITHIN_OTHERS = {
    "B07": "the rows of J",
    "E11": "E10-stderr",
    "E15": "C06",
    "G06": "E09 and H07",
    "G08": "G01-S6 and G02-G03",
}
"""Rows of the corpus that are part of another one here, and count with it."""

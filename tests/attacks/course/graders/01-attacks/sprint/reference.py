"""The model answer of the timed exercise. CANARY-967bf162472cd2a740bde2a53aa31be4"""


def product(x):
    """Return the Gram matrix."""
    return x @ x.T

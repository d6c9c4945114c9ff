"""The model answer where growth is judged. CANARY-967bf162472cd2a740bde2a53aa31be4"""


def total(text):
    """Return how many "a" there are in ``text``."""
    found = 0
    for letter in text:
        found += letter == "a"
    return found

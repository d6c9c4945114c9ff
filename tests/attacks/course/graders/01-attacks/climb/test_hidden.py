"""Hidden tests of the exercise whose growth is judged. CANARY-9b88e29ab5d648d9fc2051c5909dcb0f"""


def test_right(submission, rng):
    text = "".join(rng.choice(list("abc"), 50))
    assert submission.total(text) == text.count("a")


def test_growth(submission, speed, rng):
    def make_inputs(size):
        return ("".join(rng.choice(list("abc"), size)),)

    speed.growth("total", make_inputs, (500, 2000, 8000), limit=1.5)

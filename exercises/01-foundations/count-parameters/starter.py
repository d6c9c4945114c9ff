"""Count the parameters of a decoder-only Transformer."""


def count_parameters(config: dict) -> int:
    """Return the exact number of learnable parameters of the model that ``config`` describes.

    Raises:
        ValueError: if ``d_model`` is not a multiple of ``n_head``.
    """
    raise NotImplementedError

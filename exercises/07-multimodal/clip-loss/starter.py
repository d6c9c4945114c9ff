"""CLIP's symmetric contrastive loss."""

import torch


def clip_loss(
    image_emb: torch.Tensor, text_emb: torch.Tensor, logit_scale: float | torch.Tensor
) -> torch.Tensor:
    """Return the mean of the image-to-text and the text-to-image cross-entropy.

    Args:
        image_emb: shape (n, d), not normalised; row i belongs to row i of ``text_emb``.
        text_emb: shape (n, d), not normalised.
        logit_scale: positive; multiplies the cosines.

    Returns:
        The loss, a 0-d tensor.

    Raises:
        ValueError: the embeddings' shapes differ.
    """
    raise NotImplementedError

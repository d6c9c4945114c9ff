"""Cumulative sums over sorted probabilities, as in many public samplers."""

import torch


def generate(model, prompt_ids, max_new_tokens, top_p, seed):
    if len(prompt_ids) == 0:
        raise ValueError("empty prompt")
    if max_new_tokens < 0 or top_p <= 0 or top_p > 1:
        raise ValueError("bad arguments")
    g = torch.Generator(device="cpu")
    g.manual_seed(seed)
    out, cache, ids = [], None, list(prompt_ids)
    while len(out) < max_new_tokens:
        logits, cache = model(ids, cache)
        probs = torch.nn.functional.softmax(logits[-1], dim=0)
        if top_p < 1:
            values, index = probs.sort(descending=True, stable=True)
            before = torch.cumsum(values, 0) - values
            values = torch.where(before < top_p, values, torch.zeros_like(values))
            probs = torch.zeros_like(probs).index_put((index,), values)
            probs = probs / probs.sum()
        token = torch.multinomial(probs, num_samples=1, generator=g).item()
        out.append(token)
        ids = [token]
    return out

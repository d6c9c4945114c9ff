"""One torch thread, as in the sandbox: these tests fork."""

import torch

torch.set_num_threads(1)

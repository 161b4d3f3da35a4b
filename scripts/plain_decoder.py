#!/usr/bin/env python3
"""The decoder of this program written plainly in PyTorch: the yardstick of scripts/bench_train.py.

usage: scripts/plain_decoder.py SHAPE eager|compile DIR    (SHAPE as L4C64T64B12D16; DIR from bench_train; see there)

Same architecture, data order, initial parameters and optimizer: RMSNorm without gain, rotary positions on neighbouring
pairs, normed queries and keys with undivided scores, GELU in its erf form, no biases, untied head; AdamW with clipping.
Reads commands from standard input as bench_train does.
"""

import json
import re
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

SYMBOLS = 128


class Block(torch.nn.Module):
    def __init__(self, width, d_head):
        super().__init__()
        self.d_head = d_head
        self.qkv = torch.nn.Linear(width, 3 * width, bias=False)
        self.output = torch.nn.Linear(width, width, bias=False)
        self.up = torch.nn.Linear(width, 4 * width, bias=False)
        self.down = torch.nn.Linear(4 * width, width, bias=False)

    def forward(self, x, cos, sin):
        batch, time_, width = x.shape
        heads = lambda y: y.view(batch, time_, -1, self.d_head).transpose(1, 2)
        q, k, v = map(heads, self.qkv(norm(x)).split(width, dim=2))
        q, k = rotate(norm(q), cos, sin), rotate(norm(k), cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
        x = x + self.output(y.transpose(1, 2).reshape(batch, time_, width))
        return x + self.down(F.gelu(self.up(norm(x))))


def norm(x):
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Decoder(torch.nn.Module):
    def __init__(self, layers, width, context, d_head):
        super().__init__()
        self.embedding = torch.nn.Embedding(SYMBOLS, width)
        self.blocks = torch.nn.ModuleList(Block(width, d_head) for _ in range(layers))
        self.head = torch.nn.Linear(width, SYMBOLS, bias=False)
        speed = 10000.0 ** (-torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
        angle = torch.outer(torch.arange(context, dtype=torch.float64), speed)
        self.register_buffer("cos", angle.cos().float())
        self.register_buffer("sin", angle.sin().float())

    def forward(self, inputs, targets):
        x = self.embedding(inputs)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return F.cross_entropy(self.head(norm(x)).flatten(0, 1), targets.flatten())

    def load(self, flat):
        """Parameters in the order of the program; its matrices are y = x W, those of Linear y = x W^T."""
        at = 0
        with torch.no_grad():
            for p in self.parameters():
                values = torch.from_numpy(flat[at : at + p.numel()].copy())
                p.copy_(values.view(p.shape) if p is self.embedding.weight else values.view(p.shape[::-1]).t())
                at += p.numel()
        assert at == len(flat)


def main(shape, mode, folder):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    layers, width, context, windows, d_head = map(int, re.fullmatch(r"L(\d+)C(\d+)T(\d+)B(\d+)D(\d+)", shape).groups())
    tokens = np.fromfile(f"{folder}/train.bin", dtype=np.uint8)
    starts = np.fromfile(f"{folder}/{shape}.starts", dtype=np.int64).reshape(-1, windows)
    flat = np.fromfile(f"{folder}/{shape}.params", dtype=np.float32)
    model = Decoder(layers, width, context, d_head)
    run = torch.compile(model) if mode == "compile" else model
    state = {}

    def restart():
        model.load(flat)
        # as bench_train: decay for every matrix; lr, betas and eps as in its spec
        state.update(step=0, optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1))

    def step():
        rows = tokens[starts[state["step"] % len(starts)][:, None] + np.arange(context + 1)].astype(np.int64)
        rows = torch.from_numpy(rows)
        loss = run(rows[:, :-1], rows[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        state["optimizer"].step()
        state["optimizer"].zero_grad(set_to_none=True)
        state["step"] += 1
        return loss

    restart()
    begin = time.perf_counter()
    step()
    answer({"engine": f"PyTorch {torch.__version__} {mode}", "first_step_s": time.perf_counter() - begin})
    for line in sys.stdin:
        command, amount = line.split()
        if command == "train":
            restart()
            answer({"losses": [step().item() for _ in range(int(amount))]})
        elif command == "measure":
            steps, begin = 0, time.perf_counter()
            while steps == 0 or time.perf_counter() - begin < float(amount):
                step()
                steps += 1
            answer({"steps": steps, "tokens": steps * windows * context, "seconds": time.perf_counter() - begin})


def answer(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

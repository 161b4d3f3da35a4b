#!/usr/bin/env python3
"""The decoder of this program written plainly in PyTorch: the yardstick of scripts/bench_train.py.

usage: scripts/plain_decoder.py SHAPE eager|compile DIR [--device cpu|cuda] [--dtype fp32|bf16]
       (SHAPE as L4C64T64B12D16; DIR from bench_train; see there)

Same architecture, data order, initial parameters and optimizer: RMSNorm without gain, rotary positions on neighbouring
pairs, normed queries and keys whose scores have a learned scale a head, GELU in its erf form, no biases, untied head;
AdamW with clipping.
In bf16 the forward pass runs under autocast, as such programs do. On CUDA the corpus and the order of windows lie on the
device, and times are taken when it has finished. Reads commands from standard input as bench_train does.
"""

import argparse
import contextlib
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
        self.qk_scale = torch.nn.Parameter(torch.empty(width // d_head))

    def forward(self, x, cos, sin):
        batch, time_, width = x.shape
        heads = lambda y: y.view(batch, time_, -1, self.d_head).transpose(1, 2)
        q, k, v = map(heads, self.qkv(norm(x)).split(width, dim=2))
        q, k = rotate(norm(q), cos, sin), rotate(norm(k), cos, sin)
        y = F.scaled_dot_product_attention(q * self.qk_scale[:, None, None], k, v, is_causal=True)
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

    def matrices(self):
        return [p for p in self.parameters() if p.dim() == 2]

    def scales(self):
        return [p for p in self.parameters() if p.dim() == 1]

    def load(self, flat):
        """Parameters in the order of the program, scales last; its matrices are y = x W, those of Linear y = x W^T."""
        at = 0
        with torch.no_grad():
            for p in self.matrices() + self.scales():
                values = torch.from_numpy(flat[at : at + p.numel()].copy())
                plain = p is self.embedding.weight or p.dim() == 1
                p.copy_(values.view(p.shape) if plain else values.view(p.shape[::-1]).t())
                at += p.numel()
        assert 0 <= len(flat) - at < 8  # filled up to a whole row of 8


class Training:
    """The model with its optimizer and data, one step at a time."""

    def __init__(self, options):
        layers, width, context, windows, d_head = map(int, re.fullmatch(r"L(\d+)C(\d+)T(\d+)B(\d+)D(\d+)", options.shape).groups())
        prefix = f"{options.folder}/{options.shape}"
        self.device, self.tokens_per_step = torch.device(options.device), windows * context
        self.flat = np.fromfile(f"{prefix}.params", dtype=np.float32)
        starts = torch.from_numpy(np.fromfile(f"{prefix}.starts", dtype=np.int64).reshape(-1, windows))
        self.starts = starts.to(self.device)
        self.tokens = torch.from_numpy(np.fromfile(f"{options.folder}/train.bin", dtype=np.uint8)).to(self.device)
        self.offsets = torch.arange(context + 1, device=self.device)
        self.model = Decoder(layers, width, context, d_head).to(self.device)
        self.run = torch.compile(self.model) if options.mode == "compile" else self.model
        bf16 = options.dtype == "bf16"
        self.cast = (lambda: torch.autocast(options.device, torch.bfloat16)) if bf16 else contextlib.nullcontext
        self.restart()

    def restart(self):
        self.model.load(self.flat)
        # as bench_train: decay for every matrix; lr, betas and eps as in its spec
        groups = [{"params": self.model.matrices()}, {"params": self.model.scales(), "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
        self.step_count = 0

    def step(self):
        rows = self.tokens[self.starts[self.step_count % len(self.starts)][:, None] + self.offsets].long()
        with self.cast():
            loss = self.run(rows[:, :-1], rows[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step_count += 1
        return loss

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def measure(self, seconds):
        """Steps for about so many seconds. @return steps, seconds"""
        at_once = 16 if self.device.type == "cuda" else 1  # so that the device never waits for the clock
        steps, begin = 0, time.perf_counter()
        while steps == 0 or time.perf_counter() - begin < seconds:
            for _ in range(at_once):
                self.step()
            self.wait()
            steps += at_once
        return steps, time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape")
    parser.add_argument("mode", choices=["eager", "compile"])
    parser.add_argument("folder")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    training = Training(options)
    begin = time.perf_counter()
    training.step().item()
    answer({"engine": f"PyTorch {torch.__version__} {options.mode}, {options.dtype}", "first_step_s": time.perf_counter() - begin})
    for line in sys.stdin:
        command, amount = line.split()
        if command == "train":
            training.restart()
            answer({"losses": [training.step().item() for _ in range(int(amount))]})
        elif command == "measure":
            steps, seconds = training.measure(float(amount))
            answer({"steps": steps, "tokens": steps * training.tokens_per_step, "seconds": seconds})


def answer(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()

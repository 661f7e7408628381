"""The Transformer of recipes/multi30k-de-en.toml as a user of PyTorch writes it, with the parameters' names of Heed.

Pre-norm, one matrix for both embeddings and the output, sinusoidal positions. `load(folder)` takes the weights of a model
folder; `write()` decodes with caches of keys and values.
"""

import math
import tomllib

import torch
import torch.nn.functional as F
from torch import nn

PAD, BEGIN, END = 0, 2, 3


def positions(length, width):
    """(length, width): sines in even channels, cosines in odd ones."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def split(self, x):
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def merge(self, x):
        return self.output(x.transpose(1, 2).flatten(2))

    def rows(self, x, first, last):
        M = x.shape[2]
        return F.linear(x, self.qkv.weight[first * M:last * M], self.qkv.bias[first * M:last * M])

    def of_itself(self, x):
        return [self.split(t) for t in self.qkv(x).chunk(3, 2)]

    def of_source(self, z):
        return [self.split(t) for t in self.rows(z, 1, 3).chunk(2, 2)]

    def forward(self, x, mask=None, causal=False):
        q, k, v = self.of_itself(x)
        return self.merge(F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal))

    def look(self, x, keys, values, mask):
        """Rows that share a source are so many queries of one sequence."""
        n = keys.shape[0]
        q = self.split(self.rows(x, 0, 1).reshape(n, -1, x.shape[2]))
        return self.merge(F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)).reshape(x.shape)

    def step(self, x, cache, at):
        q, k, v = self.of_itself(x)
        cache[0][:, :, at:at + 1], cache[1][:, :, at:at + 1] = k, v
        return self.merge(F.scaled_dot_product_attention(q, cache[0][:, :, :at + 1], cache[1][:, :, :at + 1]))


class FeedForward(nn.Module):
    def __init__(self, width, hidden, dropout):
        super().__init__()
        self.up, self.down, self.dropout = nn.Linear(width, hidden), nn.Linear(hidden, width), nn.Dropout(dropout)

    def forward(self, x):
        return self.down(self.dropout(F.relu(self.up(x))))


class Block(nn.Module):
    """Of the encoder, or with `cross` of the decoder."""

    def __init__(self, width, hidden, heads, dropout, cross):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        if cross:
            self.cross_norm, self.cross = nn.LayerNorm(width), Attention(width, heads)
        self.feed_forward_norm, self.feed_forward = nn.LayerNorm(width), FeedForward(width, hidden, dropout)
        self.dropout = nn.Dropout(dropout)

    def finish(self, x):
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    def encode(self, x, mask):
        return self.finish(x + self.dropout(self.attention(self.attention_norm(x), mask)))

    def decode(self, x, z, mask):
        x = x + self.dropout(self.attention(self.attention_norm(x), causal=True))
        return self.finish(x + self.dropout(self.cross.look(self.cross_norm(x), *self.cross.of_source(z), mask)))

    def step(self, x, cache, source, mask, at):
        x = x + self.attention.step(self.attention_norm(x), cache, at)
        return self.finish(x + self.cross.look(self.cross_norm(x), *source, mask))


class Transformer(nn.Module):
    def __init__(self, vocabulary, encoder_layers, decoder_layers, width, hidden, heads, dropout):
        super().__init__()
        self.width, self.heads = width, heads
        self.target_embedding = nn.Parameter(torch.randn(vocabulary, width) * width**-0.5)
        blocks = lambda layers, cross: nn.ModuleList(Block(width, hidden, heads, dropout, cross) for _ in range(layers))
        self.encoder, self.encoder_norm = blocks(encoder_layers, False), nn.LayerNorm(width)
        self.decoder, self.decoder_norm = blocks(decoder_layers, True), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("positions", positions(512, width), persistent=False)

    def embed(self, ids, first=0):
        x = F.embedding(ids, self.target_embedding) * math.sqrt(self.width)
        return self.dropout(x + self.positions[first:first + ids.shape[1]])

    def encode(self, source, mask):
        x = self.embed(source)
        for block in self.encoder:
            x = block.encode(x, mask)
        return self.encoder_norm(x)

    def forward(self, source, mask, target):
        """source (B, Ls), mask (B, 1, 1, Ls) of what is no padding, target (B, Lt) -> logits (B, Lt, V)."""
        z, x = self.encode(source, mask), self.embed(target)
        for block in self.decoder:
            x = block.decode(x, z, mask)
        return F.linear(self.decoder_norm(x), self.target_embedding)

    @torch.inference_mode()
    def write(self, lines, beams, steps, end=None):
        """The likeliest tokens behind each line's and the sums of their log-probabilities, by greedy or beam search:
        `steps` tokens; greedy stops at `end` where it is given, whose log-probability counts."""
        B, K, longest = len(lines), beams, max(map(len, lines))
        source = torch.tensor([line + [PAD] * (longest - len(line)) for line in lines])
        mask = (torch.arange(longest) < torch.tensor([[len(line)] for line in lines]))[:, None, None]
        z = self.encode(source, mask)
        sources = [block.cross.of_source(z) for block in self.decoder]
        cache = [torch.empty(2, B * K, self.heads, steps, self.width // self.heads) for _ in self.decoder]
        written = torch.empty(B * K, steps, dtype=torch.long)
        sums = torch.full((B, K), -math.inf)
        sums[:, 0] = 0
        done = torch.zeros(B, dtype=torch.bool)
        tokens = torch.full((B * K, 1), BEGIN)
        firsts = torch.arange(B)[:, None] * K
        for at in range(steps):
            x = self.embed(tokens, at)
            for block, own, of_source in zip(self.decoder, cache, sources):
                x = block.step(x, own, of_source, mask, at)
            logits = F.linear(self.decoder_norm(x[:, 0]), self.target_embedding)
            if K == 1:
                found, tokens = F.log_softmax(logits, 1).max(1, keepdim=True)
                written[:, at] = torch.where(done, PAD, tokens[:, 0])
                sums += found.masked_fill(done[:, None], 0)
                if end is not None:
                    done |= tokens[:, 0] == end
                    if done.all():
                        break
                continue
            sums, best = (sums[:, :, None] + F.log_softmax(logits, 1).view(B, K, -1)).flatten(1).topk(K)
            rows = (best // logits.shape[1] + firsts).flatten()
            tokens = (best % logits.shape[1]).view(-1, 1)
            written[:, :at] = written[rows, :at]
            written[:, at] = tokens[:, 0]
            for own in cache:
                own[:, :, :, :at + 1] = own[:, rows, :, :at + 1]
        first = written.view(B, K, steps)[:, 0].tolist()
        if end is not None:
            first = [line[:line.index(end)] if end in line else line for line in first]
        return first, sums[:, 0].tolist()


def of_recipe(recipe, vocabulary):
    """With new weights."""
    model = recipe["head"]
    fixed = {"kind": "text", "model": "transformer", "preset": "small", "tied": "all"}
    if any(model.get(key) != value for key, value in fixed.items()):
        raise SystemExit(f"peers: the model of this recipe is another than what PyTorch has here: expected {fixed}")
    return Transformer(vocabulary, model["encoder_layers"], model["decoder_layers"], model["width"], model["hidden"],
                       model["encoder_attention"]["num_heads"], model["dropout"])


def recipe_of(folder):
    return tomllib.loads((folder / "recipe.toml").read_text())


def without_head(tensors):
    """The tensors of the head, as the model alone names them."""
    return {name.removeprefix("head."): tensor for name, tensor in tensors.items()}


def load(folder):
    """With the weights of a model folder."""
    from safetensors.torch import load_file

    tensors = without_head(load_file(folder / "model.safetensors"))
    model = of_recipe(recipe_of(folder), len(tensors["target_embedding"]))
    model.load_state_dict(tensors, strict=True)
    return model.eval()

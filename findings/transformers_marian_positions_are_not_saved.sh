#!/usr/bin/env bash
# Guess: a MarianMTModel whose parameters() were all drawn anew gives the same logits after save_pretrained and
# from_pretrained: what is listed as a parameter is written.
# What happens: the sinusoidal positions are among parameters() (without requires_grad), so a loop over these changes what the
# model computes; they are not among the tensors that are written, and loading calculates them again. Other logits, no word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 1800 "$folder/venv/bin/pip" install --quiet --no-cache-dir transformers==5.24.0 torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/model" 2> "$folder/said" <<'PYTHON'
import sys

import torch
import transformers
from safetensors import safe_open
from transformers import MarianConfig, MarianMTModel

folder = sys.argv[1]
torch.manual_seed(1)
config = MarianConfig(vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                      decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32,
                      pad_token_id=59, decoder_start_token_id=59, eos_token_id=0)
model = MarianMTModel(config).eval()
ids = torch.randint(1, 50, (1, 9))


def logits(which):
    with torch.no_grad():
        return which(input_ids=ids, decoder_input_ids=ids).logits


def differs(which):
    which.save_pretrained(folder)
    return (logits(MarianMTModel.from_pretrained(folder).eval()) - logits(which)).abs().max().item()


listed = [name for name, _ in model.named_parameters() if "embed_positions" in name]
first = differs(model)
with torch.no_grad():
    for parameter in model.parameters():
        parameter.normal_(0, 0.3)
second = differs(model)
with safe_open(f"{folder}/model.safetensors", "pt") as file:
    written = [name for name in file.keys() if "embed_positions" in name]
print("transformers", transformers.__version__, "torch", torch.__version__)
print("among parameters():", listed)
print("written:", written)
print("largest difference of logits after loading: as it was made", first, ", all parameters drawn anew", second)
assert len(listed) == 2 and not written
assert first == 0 and second > 0.1
PYTHON
! grep -qi "position" "$folder/said"
echo "as found: positions are parameters that are not saved"

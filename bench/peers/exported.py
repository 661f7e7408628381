#!/usr/bin/env python3
"""Whether transformers and PEFT read what `heed export` wrote.

    bench/peers/exported.py FOLDER [--base BASE --adapter ADAPTER]

Needs transformers 5.24, torch, peft 0.21 with accelerate, in an environment of their own. Loads FOLDER as the class that its
config.json names and says every warning and every tensor that was missing, unexpected or of another shape. With an adapter,
loads BASE as the same class, puts ADAPTER (`heed export --adapter`) on it and compares the outputs of the two.
"""
import argparse
import contextlib
import io
import json
import logging
import pathlib
import warnings

import torch
import transformers


def load(cls, folder, **more):
    """The model and what was said while it was loaded."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setLevel(logging.WARNING)
    logging.getLogger("transformers").addHandler(handler)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with contextlib.redirect_stderr(io.StringIO()):
            model, info = cls.from_pretrained(folder, output_loading_info=True, attn_implementation="eager", **more)
    logging.getLogger("transformers").removeHandler(handler)
    problems = [str(warning.message) for warning in warned] + [line for line in said.getvalue().splitlines() if line]
    problems += [f"{what}: {sorted(map(str, names))}" for what, names in info.items() if names]
    return model.eval(), problems


def inputs(model, config):
    torch.manual_seed(1)
    if config.get("model_type") == "vit":
        return {"pixel_values": torch.randn(2, config["num_channels"], config["image_size"], config["image_size"])}
    ids = torch.randint(0, config["vocab_size"], (2, 12))
    found = {"input_ids": ids}
    if model.config.is_encoder_decoder:
        found["decoder_input_ids"] = ids[:, :5]
    return found


def output(model, given):
    with torch.no_grad():
        out = model(**given)
    for name in ("logits", "start_logits", "last_hidden_state"):
        if name in out:
            return out[name]
    raise SystemExit(f"no known output among {list(out)}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--base", type=pathlib.Path)
    options.add_argument("--adapter", type=pathlib.Path)
    given = options.parse_args()
    config = json.loads((given.folder / "config.json").read_text())
    cls = getattr(transformers, config["architectures"][0])
    model, problems = load(cls, given.folder)
    print(given.folder, cls.__name__, "silent" if not problems else problems)
    batch = inputs(model, config)
    ours = output(model, batch)
    if given.adapter:
        import peft

        base, _ = load(cls, given.base, num_labels=model.config.num_labels)
        adapted = peft.PeftModel.from_pretrained(base, given.adapter).eval()
        difference = float((output(adapted, batch) - ours).abs().max())
        print(given.adapter, "largest difference to the merged folder", difference)
        problems += [] if difference < 1e-5 else ["outputs differ"]
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()

"""Writes a model folder of Heed as a model of CTranslate2."""

import numpy
from ctranslate2.converters import Converter
from ctranslate2.specs import TransformerSpec
from safetensors.numpy import load_file

import transformer

LONGEST = 512


class OfHeed(Converter):
    def __init__(self, folder, pieces):
        self.tensors, self.pieces = transformer.without_head(load_file(folder / "model.safetensors")), pieces
        self.recipe = transformer.recipe_of(folder)

    def copy(self, spec, name):
        spec.weight = self.tensors[name + ".weight"]
        spec.bias = self.tensors[name + ".bias"]

    def norm(self, spec, name):
        spec.gamma, spec.beta = self.tensors[name + ".weight"], self.tensors[name + ".bias"]

    def attention(self, spec, name, of_itself):
        self.norm(spec.layer_norm, name + "_norm")
        weight, bias = self.tensors[name + ".qkv.weight"], self.tensors[name + ".qkv.bias"]
        M = weight.shape[1]
        for linear, rows in zip(spec.linear, [slice(None)] if of_itself else [slice(0, M), slice(M, None)]):
            linear.weight, linear.bias = weight[rows], bias[rows]
        self.copy(spec.linear[-1], name + ".output")

    def block(self, spec, name, cross):
        self.attention(spec.self_attention, name + ".attention", True)
        if cross:
            self.attention(spec.attention, name + ".cross", False)
        self.norm(spec.ffn.layer_norm, name + ".feed_forward_norm")
        self.copy(spec.ffn.linear_0, name + ".feed_forward.up")
        self.copy(spec.ffn.linear_1, name + ".feed_forward.down")

    def stack(self, spec, embeddings, name, cross):
        table = self.tensors["target_embedding"]
        embeddings.weight, embeddings.multiply_by_sqrt_depth = table, True
        spec.position_encodings.encodings = transformer.positions(LONGEST, table.shape[1]).numpy()
        self.norm(spec.layer_norm, name + "_norm")
        for i, block in enumerate(spec.layer):
            self.block(block, f"{name}.{i}", cross)

    def _load(self):
        model = self.recipe["head"]
        spec = TransformerSpec.from_config((model["encoder_layers"], model["decoder_layers"]),
                                           model["encoder_attention"]["num_heads"], pre_norm=True)
        self.stack(spec.encoder, spec.encoder.embeddings[0], "encoder", False)
        self.stack(spec.decoder, spec.decoder.embeddings, "decoder", True)
        spec.decoder.projection.weight = self.tensors["target_embedding"]
        spec.decoder.scale_embeddings = True
        spec.config.bos_token, spec.config.eos_token = "<s>", "</s>"
        spec.config.unk_token, spec.config.decoder_start_token = "<unk>", "<s>"
        spec.register_source_vocabulary(self.pieces)
        spec.register_target_vocabulary(self.pieces)
        return spec


def convert(folder, pieces, to):
    OfHeed(folder, pieces).convert(to, force=True)

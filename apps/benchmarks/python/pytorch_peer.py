"""Full and cached call by PyTorch: diffusers' own U-Net, and the uniform cache of DeepCache at its last up block.

Source of the cache: Ma et al., DeepCache, CVPR 2024, https://arxiv.org/abs/2312.00858.
"""

import os

import diffusers
import numpy as np
import onnx
import torch
from onnx.external_data_helper import load_external_data_for_tensor

# Of Stable Diffusion 1.5, as the graph's weights have it.
CONFIG = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "norm_num_groups": 32,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
}


def parameters_of(graph):
    """Parameter, initializer, and whether it lies transposed. The exporter stores what is equal once, and names by
    number what it reshaped."""
    stored = {initializer.name for initializer in graph.initializer}
    same = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}
    for name in [*stored, *same]:
        yield name, same.get(name, name), False
    for node in graph.node:
        module = ".".join(node.name.strip("/").split("/")[:-1])
        for name in (same.get(name, name) for name in node.input):
            if name not in stored or not name.startswith("onnx::"):
                continue
            if node.op_type == "MatMul":
                yield f"{module}.weight", name, True
            elif node.op_type in ("Mul", "Add"):
                yield f"{module}.{'weight' if node.op_type == 'Mul' else 'bias'}", name, False


def load_weights(unet, folder):
    """The graph's weights, one at a time, so that both compute the same."""
    graph = onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False).graph
    initializers = {initializer.name: initializer for initializer in graph.initializer}
    sources = {name: (source, transposed) for name, source, transposed in parameters_of(graph)}
    for name, parameter in unet.named_parameters():
        source, transposed = sources[name]
        weight = onnx.TensorProto()
        weight.CopyFrom(initializers[source])
        if weight.data_location == onnx.TensorProto.EXTERNAL:
            load_external_data_for_tensor(weight, folder)
        value = torch.from_numpy(onnx.numpy_helper.to_array(weight).copy())
        parameter.data.copy_((value.T if transposed else value).reshape(parameter.shape))


def build(folder, dtype):
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**CONFIG)
    unet = unet.to_empty(device="cpu")
    load_weights(unet, folder)
    return unet.to(dtype=dtype, memory_format=torch.channels_last).eval()


class PyTorchPeer:
    def __init__(self, unet, dtype):
        self.versions = {"PyTorch": torch.__version__, "diffusers": diffusers.__version__}
        self.unet = unet
        self.dtype = dtype
        self.features = None
        # What the last block of the up path gets from below is what is cached.
        unet.up_blocks[3].resnets[2].register_forward_pre_hook(self.keep)

    def keep(self, _module, inputs):
        channels = self.unet.config.block_out_channels[0]
        self.features = inputs[0][:, :channels]

    @torch.inference_mode()
    def run(self, graph, sample, timestep, hidden):
        sample = torch.from_numpy(np.array(sample)).to(self.dtype, memory_format=torch.channels_last)
        hidden = torch.from_numpy(np.array(hidden)).to(self.dtype)
        if graph == "full":
            output = self.unet(sample, timestep, hidden, return_dict=False)[0]
        else:
            output = self.cached(sample, timestep, hidden)
        return output.float().numpy()

    def cached(self, sample, timestep, hidden):
        unet, block = self.unet, self.unet.up_blocks[3]
        times = torch.full((sample.shape[0],), timestep, dtype=torch.int64)
        embedding = unet.time_embedding(unet.time_proj(times).to(self.dtype))
        skip = unet.conv_in(sample)
        x = block.resnets[2](torch.cat([self.features, skip], dim=1), embedding)
        x = block.attentions[2](x, encoder_hidden_states=hidden, return_dict=False)[0]
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(x)))


def load(request):
    torch.set_num_threads(request["threads"])
    torch.set_num_interop_threads(1)
    dtype = getattr(torch, request["precision"])
    return PyTorchPeer(build(request["model"], dtype), dtype)

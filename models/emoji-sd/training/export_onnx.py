"""Write the model as ONNX files in float32, in optimum's layout, each compared with its torch module."""

import argparse
import shutil
from pathlib import Path

import torch

from parts import MODEL, build_text, build_unet, build_vae, load_folder, tokenize
from export import BATCH, SEQUENCE, TextEncoder, Unet, VaeDecoder, export_checked, unet_case


def export_text_encoder(model, tokenizer, path):
    ids = tokenize(tokenizer, ["two red apples on green", "a cat and a dog"])
    export_checked(
        TextEncoder(model),
        {"input_ids": (ids, {0: BATCH, 1: SEQUENCE})},
        {"last_hidden_state": {0: BATCH, 1: SEQUENCE}, "pooler_output": {0: BATCH}},
        path,
        [(ids[:1],), (ids.repeat(3, 1)[:5, :9].contiguous(),)],
    )


def export_unet(model, path):
    image = {0: BATCH, 2: "height", 3: "width"}
    sample, timestep, text = unet_case(model.config, 2, (32, 32), 24, torch.tensor(981))
    inputs = {
        "sample": (sample, image), "timestep": (timestep, {}), "encoder_hidden_states": (text, {0: BATCH, 1: SEQUENCE}),
    }
    others = [unet_case(model.config, 1, (32, 32), 24, torch.tensor(1)), unet_case(model.config, 3, (16, 24), 7, torch.tensor(500))]
    export_checked(Unet(model), inputs, {"out_sample": image}, path, others)


def export_vae_decoder(model, path):
    latent = (torch.randn(2, 4, 32, 32), {0: BATCH, 2: "latent_height", 3: "latent_width"})
    picture = {0: BATCH, 2: "latent_height * 4", 3: "latent_width * 4"}
    others = [(torch.randn(1, 4, 32, 32),), (torch.randn(3, 4, 8, 12),)]
    export_checked(VaeDecoder(model), {"latent_sample": latent}, {"sample": picture}, path, others)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="folder for the ONNX model")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    out = Path(args.out)
    tokenizer, text_encoder = build_text()
    unet, vae = build_unet(), build_vae()
    for name, module in {"text_encoder": text_encoder, "unet": unet, "vae": vae}.items():
        load_folder(module, name)
    for source, target in {
        "model_index.json": "model_index.json", "tokenizer": "tokenizer", "scheduler": "scheduler",
        "text_encoder/config.json": "text_encoder/config.json", "unet/config.json": "unet/config.json",
        "vae/config.json": "vae_decoder/config.json",
    }.items():
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        if (MODEL / source).is_dir():
            shutil.copytree(MODEL / source, out / target, dirs_exist_ok=True)
        else:
            shutil.copyfile(MODEL / source, out / target)
    export_text_encoder(text_encoder, tokenizer, out / "text_encoder/model.onnx")
    export_unet(unet, out / "unet/model.onnx")
    export_vae_decoder(vae, out / "vae_decoder/model.onnx")


if __name__ == "__main__":
    main()

"""Write the averaged weights into the model folder, as diffusers' safetensors in float16."""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from parts import MODEL, WEIGHTS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="folder with vae.pt and state.pt")
    args = parser.parse_args()
    out = Path(args.out)
    average = torch.load(out / "state.pt", map_location="cpu")["average"]
    states = {"vae": torch.load(out / "vae.pt", map_location="cpu")}
    for name in ("unet", "text_encoder"):
        states[name] = {k.removeprefix(f"{name}."): v for k, v in average.items() if k.startswith(f"{name}.")}
    for name, state in states.items():
        path = MODEL / WEIGHTS[name]
        half = {key: value.half().contiguous() if value.is_floating_point() else value for key, value in state.items()}
        assert all(torch.isfinite(value).all() for value in half.values()), name
        save_file(half, path.with_suffix(".tmp"), metadata={"format": "pt"})
        path.with_suffix(".tmp").replace(path)
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

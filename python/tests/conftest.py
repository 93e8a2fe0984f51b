"""Where the files are that tests read, and how pictures are read and compared."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLES = REPOSITORY / "fixtures" / "bundles"
sys.path.insert(0, str(Path(__file__).parent))


def read_png(path):
    """A PNG of 8 bits in RGB or RGBA as [height, width, 3], without Pillow."""
    data = Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, header = 8, b"", None
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, chunk = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        header = struct.unpack(">IIBBBBB", chunk) if kind == b"IHDR" else header
        body += chunk if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, color, *_ = header
    channels = {2: 3, 6: 4}[color]
    assert depth == 8
    raw = np.frombuffer(zlib.decompress(body), dtype=np.uint8).astype(int).reshape(height, 1 + width * channels)
    rows = np.zeros((height + 1, width * channels + channels), dtype=np.int64)
    for y in range(height):
        line, above = rows[y + 1], rows[y]
        for x in range(channels, line.size):
            left, up, corner = line[x - channels], above[x], above[x - channels]
            guess = int(left) + int(up) - int(corner)
            near = min((left, up, corner), key=lambda value: abs(guess - int(value)))
            add = (0, left, up, (left + up) // 2, near)[raw[y, 0]]
            line[x] = (raw[y, 1 + x - channels] + add) % 256
    return rows[1:, channels:].reshape(height, width, channels)[:, :, :3].astype(np.uint8)


def psnr(first, second):
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)

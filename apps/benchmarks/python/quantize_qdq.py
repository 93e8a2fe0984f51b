"""A plain QDQ graph in 8-bit integers, by ONNX Runtime's own quantizer: <model.onnx> <out folder> <latent size>

What somebody gets who follows the documentation: preprocessing, then static quantization per channel with unsigned
activations and signed weights, everything else at its default. Calibration data are seeded normal numbers; time and
memory do not depend on their values. The folder gets model.onnx and its external data.
"""

import os
import sys
import tempfile

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

BATCH, CHANNELS, TOKENS, WIDTH = 2, 4, 77, 768
SAMPLES = 2


class SeededReader(CalibrationDataReader):
    def __init__(self, size):
        generator = np.random.default_rng(0)
        self.feeds = iter(
            [
                {
                    "sample": generator.standard_normal((BATCH, CHANNELS, size, size), dtype=np.float32),
                    "timestep": np.array(981 - 500 * index, dtype=np.int64),
                    "encoder_hidden_states": generator.standard_normal(
                        (BATCH, TOKENS, WIDTH), dtype=np.float32
                    ),
                }
                for index in range(SAMPLES)
            ]
        )

    def get_next(self):
        return next(self.feeds, None)


def main(source, folder, size):
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, "model.onnx")
    # Several copies of the weights come and go; beside the result, since /tmp is memory on some machines.
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tempfile.tempdir = scratch
        prepared = os.path.join(scratch, "prepared.onnx")
        # Symbolic inference copies the whole model once more and finds nothing that the two other steps do not.
        quant_pre_process(source, prepared, skip_symbolic_shape=True, save_as_external_data=True)
        quantize_static(
            prepared,
            target,
            SeededReader(size),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

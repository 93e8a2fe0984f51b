"""Post-training quantization by NNCF, of a float graph into an OpenVINO model: <graph.onnx> <out.xml> <images>

Settings as in OpenVINO's own Stable Diffusion notebooks: a transformer's patterns, no bias correction (whose statistics
would not fit). Calibration data are seeded normal numbers; time and memory do not depend on their values.
"""

import sys

import nncf
import numpy as np
import openvino as ov


def samples(model, count):
    generator = np.random.default_rng(0)
    for index in range(count):
        feeds = {}
        for port in model.inputs:
            dims = [dim.get_length() for dim in port.partial_shape]
            if port.element_type == ov.Type.i64:
                feeds[port.any_name] = np.full(dims, 981 - 200 * index, dtype=np.int64)
            else:
                feeds[port.any_name] = generator.standard_normal(dims, dtype=np.float32)
        yield feeds


def main(source, target, count):
    model = ov.Core().read_model(source)
    quantized = nncf.quantize(
        model,
        nncf.Dataset(list(samples(model, count))),
        subset_size=count,
        model_type=nncf.ModelType.TRANSFORMER,
        advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
    )
    ov.save_model(quantized, target, compress_to_fp16=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

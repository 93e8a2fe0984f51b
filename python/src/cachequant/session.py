"""ONNX Runtime sessions with numpy arrays of whatever types a graph declares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from .arithmetic import round_half_up
from .errors import BundleError, NonFiniteError, UnsupportedError

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


class Session:
    """A loaded graph on the CPU, with the settings that the Node packages use."""

    def __init__(self, path: Path, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # What goes wrong is raised; nothing is to be printed as well.
        options.log_severity_level = 4
        # Threads of the session that ran last would go on spinning and take the cores from the next one.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError("ONNX Runtime cannot load the graph", where=str(path), got=str(error)) from error
        self.path = path
        self.inputs = {info.name: info for info in self._session.get_inputs()}
        self.outputs = {info.name: info for info in self._session.get_outputs()}

    def convert(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values in the element type that an input declares; integers are rounded."""
        kind = self.inputs[name].type
        dtype = _TYPES.get(kind)
        if dtype is None:
            raise UnsupportedError(f"there is no {kind} here", where=f"{self.path}, input {name}")
        if values.dtype != dtype and np.issubdtype(dtype, np.integer) and np.issubdtype(values.dtype, np.floating):
            values = np.floor(values.astype(np.float64) + 0.5)
        # Not ascontiguousarray, which makes a vector of a scalar.
        return np.asarray(values, dtype=dtype, order="C")

    def repeated(self, name: str, value: float, batch: int) -> np.ndarray:
        """A number as a scalar, or once for each image where the graph wants a vector."""
        shape = [dim if isinstance(dim, int) else batch for dim in self.inputs[name].shape]
        whole = self.inputs[name].type in ("tensor(int32)", "tensor(int64)")
        return self.convert(name, np.full(shape, round_half_up(value) if whole else value))

    def run(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        return self._session.run(outputs, feeds)


def require_finite(values: np.ndarray, where: str, who: str) -> np.ndarray:
    if np.isfinite(values).all():
        return values
    raise NonFiniteError(f"{who} NaN or infinite values", where=where)

"""A ``.tflite`` file in the runtime that others will run it with, in its own process.

The process loads LiteRT alone, so that its times are clean, and a file that LiteRT
cannot stand does not take anything else with it. Parent and child talk in messages: one
line of JSON, then arrays in NumPy's format, each behind its length.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import UserError
from workbench.export.convert import environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

_COMMAND = (sys.executable, "-m", "workbench.export.run")
_WARM_UPS = 10
_LEAST_RUNS = 50
_MOST_RUNS = 500
_SECONDS = 0.5


class Runtime:
    """A file, open in a process of its own; use it in a ``with`` block.

    Args:
        file: The ``.tflite`` file.
        command: What is run with it as argument.

    Raises:
        UserError: If LiteRT refuses the file, or its process ends.
    """

    def __init__(self, file: Path, *, command: Sequence[str] = _COMMAND) -> None:
        """Start the process."""
        self._child = subprocess.Popen(
            [*command, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )

    def __enter__(self) -> Self:
        """The runtime itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                continue

    def predict(
        self, x: Sequence[NDArray[Any]]
    ) -> tuple[list[NDArray[np.float32]], float]:
        """Outputs as floats, and the seconds that the runtime computed.

        Args:
            x: One array per input in the file's order, samples first.
        """
        head, arrays = self._ask({"do": "predict"}, x)
        return arrays, float(head["seconds"])

    def latency(self, x: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Seconds of each run of one sample, one thread, warmed up; at least 50 runs.

        Args:
            x: One sample of each input, with the samples' axis.
        """
        _, arrays = self._ask({"do": "time"}, x)
        return arrays[0].astype(np.float64)

    def values(self, x: Sequence[NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Values of all int8 tensors, on the way too, by name, as floats."""
        head, arrays = self._ask({"do": "values"}, x)
        return dict(zip(head["names"], arrays, strict=True))

    def _ask(
        self, head: dict[str, Any], arrays: Sequence[NDArray[Any]]
    ) -> tuple[dict[str, Any], list[Any]]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            _send(self._child.stdin, head, arrays)
            answer, values = _receive(self._child.stdout)
        except (OSError, EOFError) as error:
            code = self._child.wait()
            raise UserError("export.runtime_crashed", code=code) from error
        if "error" in answer:
            raise UserError("export.runtime_refused", reason=answer["error"])
        return answer, values


def _send(
    pipe: IO[bytes], head: dict[str, Any], arrays: Sequence[NDArray[Any]]
) -> None:
    pipe.write(json.dumps(head | {"arrays": len(arrays)}).encode() + b"\n")
    for array in arrays:
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        pipe.write(len(content.getbuffer()).to_bytes(8, "little"))
        pipe.write(content.getbuffer())
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The next message.

    Raises:
        EOFError: If there is none.
    """
    line = pipe.readline()
    if not line:
        raise EOFError
    head = json.loads(line)
    arrays = []
    for _ in range(head["arrays"]):
        length = int.from_bytes(pipe.read(8), "little")
        content = pipe.read(length)
        if len(content) < length:
            raise EOFError
        arrays.append(np.load(io.BytesIO(content), allow_pickle=False))
    return head, arrays


class _Loaded:
    """The child's side: the interpreter and the shapes that it was last planned for."""

    def __init__(self, file: str) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            from tensorflow.lite.python.interpreter import Interpreter
        self._new = lambda **options: Interpreter(file, num_threads=1, **options)
        self._interpreter = self._new()
        signature = self._interpreter.get_input_details()
        # A file made for one sample at a time says so in its shapes.
        self._is_open = all(d["shape_signature"][0] == -1 for d in signature)
        self._rows = 0

    def predict(self, x: list[NDArray[Any]]) -> tuple[dict[str, Any], list[Any]]:
        rows = len(x[0]) if self._is_open else 1
        self._plan(rows, x)
        parts: list[list[NDArray[np.float32]]] = []
        seconds = 0.0
        for start in range(0, len(x[0]), rows):
            self._set(self._interpreter, [a[start : start + rows] for a in x])
            begin = time.perf_counter()
            self._interpreter.invoke()
            seconds += time.perf_counter() - begin
            details = self._interpreter.get_output_details()
            parts.append([self._get(self._interpreter, d) for d in details])
        outputs = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return {"seconds": seconds}, outputs

    def time(self, x: list[NDArray[Any]]) -> tuple[dict[str, Any], list[Any]]:
        self._plan(1, x)
        self._set(self._interpreter, [a[:1] for a in x])
        for _ in range(_WARM_UPS):
            self._interpreter.invoke()
        times: list[float] = []
        while len(times) < _LEAST_RUNS or (
            sum(times) < _SECONDS and len(times) < _MOST_RUNS
        ):
            begin = time.perf_counter()
            self._interpreter.invoke()
            times.append(time.perf_counter() - begin)
        return {}, [np.array(times)]

    def values(self, x: list[NDArray[Any]]) -> tuple[dict[str, Any], list[Any]]:
        interpreter = self._new(experimental_preserve_all_tensors=True)
        rows = len(x[0]) if self._is_open else 1
        for detail, array in zip(interpreter.get_input_details(), x, strict=True):
            shape = (rows, *array.shape[1:])
            interpreter.resize_tensor_input(detail["index"], shape)
        interpreter.allocate_tensors()
        self._set(interpreter, [a[:rows] for a in x])
        interpreter.invoke()
        found: dict[str, NDArray[np.float32]] = {}
        for detail in interpreter.get_tensor_details():
            is_computed = detail["dtype"] == np.int8 and detail["shape"].size
            if is_computed and detail["shape"][0] == rows:
                found[detail["name"]] = self._get(interpreter, detail)
        return {"names": list(found)}, list(found.values())

    def _plan(self, rows: int, x: list[NDArray[Any]]) -> None:
        if rows == self._rows:
            return
        if self._is_open:
            for detail, array in zip(
                self._interpreter.get_input_details(), x, strict=True
            ):
                shape = (rows, *array.shape[1:])
                self._interpreter.resize_tensor_input(detail["index"], shape)
        self._interpreter.allocate_tensors()
        self._rows = rows

    def _set(self, interpreter: Any, x: list[NDArray[Any]]) -> None:
        for detail, array in zip(interpreter.get_input_details(), x, strict=True):
            values, kind = array, np.dtype(detail["dtype"])
            if kind == np.int8:
                scale, zero_point = detail["quantization"]
                q = np.rint(array.astype(np.float32) / np.float32(scale)) + zero_point
                values = np.clip(q, np.iinfo(kind).min, np.iinfo(kind).max)
            interpreter.set_tensor(detail["index"], values.astype(kind))

    def _get(self, interpreter: Any, detail: Any) -> NDArray[np.float32]:
        values = interpreter.get_tensor(detail["index"])
        if values.dtype != np.int8:
            return np.array(values, np.float32)
        scale, zero_point = detail["quantization"]
        return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _main(file: str) -> None:
    """Answer messages until there are no more."""
    asked, answered = sys.stdin.buffer, sys.stdout.buffer
    loaded: _Loaded | None = None
    while True:
        try:
            head, arrays = _receive(asked)
        except EOFError:
            return
        try:
            loaded = loaded or _Loaded(file)
            answer, values = getattr(loaded, head["do"])(arrays)
        except Exception as error:  # noqa: BLE001 - whatever the runtime raises is told
            said = str(error).strip() or type(error).__name__
            answer, values = {"error": said.splitlines()[0]}, []
        _send(answered, answer, values)


if __name__ == "__main__":
    _main(*sys.argv[1:])

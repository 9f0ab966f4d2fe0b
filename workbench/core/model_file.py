"""A first look into a ``.keras`` or ``.h5`` file, without Keras.

Weights are on the screen before TensorFlow is loaded; what the engine finds replaces
what was seen here. Both layouts are read: that of Keras 3, a zip with ``config.json``
and ``model.weights.h5``, and the legacy HDF5 file that Keras 2 wrote too. What there is
takes milliseconds to know, also in a large file; values are read when asked for.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import h5py  # pyright: ignore[reportMissingTypeStubs] # it has none
import numpy as np

from workbench.core.errors import UserError
from workbench.core.hdf5_file import begins_like_zip, check, opened
from workbench.core.model_config import Kernel, kernels
from workbench.core.tensor import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Json = Mapping[str, Any]
    Find = Callable[[Kernel], Any]

_CONFIG = "config.json"
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    RecursionError,
    EOFError,
    NotImplementedError,
    AttributeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class Glance:
    """What a model file shows without Keras.

    Attributes:
        path: The file.
        name: The model's name.
        sites: Its kernels as far as they can be told, in the model's order, without
            MACs.
        kernel_parameters: Number of their parameters.
        places: Where in the file each kernel's values are.
        roots: Groups of the file below which all values are.
    """

    path: Path
    name: str
    sites: tuple[Site, ...]
    kernel_parameters: int
    places: Mapping[str, str]
    roots: tuple[str, ...]

    @cached_property
    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """The kernels' values by path, float32; read once, which takes a while.

        Raises:
            UserError: If the file is damaged there, or gone.
        """
        with _said(self.path):
            check(self.path)
            with opened(self.path) as file:
                return {
                    site.path: np.asarray(file[self.places[site.path]][()], np.float32)
                    for site in self.sites
                }

    @cached_property
    def other_parameters(self) -> int:
        """Number of parameters beside them; counted once, which takes a while.

        Raises:
            UserError: If the file is damaged there, or gone.
        """
        with _said(self.path), opened(self.path) as file:
            total = sum(
                values.size
                for root in self.roots
                for _, values in _datasets(file[root])
                if values.dtype.kind == "f"
            )
        return total - self.kernel_parameters


def glance(path: Path) -> Glance:
    """Look which kernels a model file has.

    Args:
        path: A ``.keras`` or ``.h5`` file; which of them is told by its content.

    Returns:
        The kernels under the addresses that the engine gives them. A kernel of a
        layer that is not known here is left out.

    Raises:
        UserError: If there is no such file, it is no Keras model, or its structure is
            damaged.
    """
    if not path.exists():
        raise UserError("file.missing", path=path)
    if path.is_dir():
        raise UserError("file.folder", path=path)
    with _said(path):
        if begins_like_zip(path):
            return _zipped(path)
        if cast("Any", h5py).is_hdf5(path):
            return _legacy(path)
    raise UserError("file.foreign", path=path)


@contextmanager
def _said(path: Path) -> Generator[None]:
    """Say in a sentence what is wrong with a file."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError("file.missing", path=path) from error
    except PermissionError as error:
        raise UserError("file.denied", path=path) from error
    except _DAMAGE as error:
        raise UserError("file.damaged", path=path, reason=_line(error)) from error


def _zipped(path: Path) -> Glance:
    """The layout of Keras 3."""
    with zipfile.ZipFile(path) as archive:
        if _CONFIG not in archive.namelist():
            raise UserError("file.foreign", path=path)
        model = json.loads(archive.read(_CONFIG))
    with opened(path) as file:
        kept = [name for name in ("layers", "vars") if name in file]
        return _look(path, model, lambda kernel: _in_folder(file, kernel), kept)


def _legacy(path: Path) -> Glance:
    """The layout of Keras 2."""
    with opened(path) as file:
        config = file.attrs.get("model_config")
        if config is None or "model_weights" not in file:
            raise UserError("file.weights_only", path=path)
        root = file["model_weights"]
        model = json.loads(cast("str | bytes", config))
        index = {name: dict(_datasets(root[name])) for name in root}
        find = _finder(index, list(kernels(model)))
        return _look(path, model, find, [root.name])


def _look(path: Path, model: Json, find: Find, kept: list[str]) -> Glance:
    """Gather the kernels that a file has."""
    sites: list[Site] = []
    places: dict[str, str] = {}
    sizes: dict[str, int] = {}
    doubtful: set[str] = set()
    for kernel in kernels(model):
        stored = find(kernel)
        if stored is None or not _fits(stored, kernel):
            continue
        if kernel.address in places:
            doubtful.add(kernel.address)
        places[kernel.address], sizes[kernel.address] = stored.name, stored.size
        sites.append(_site(kernel, stored.shape))
    config = model["config"]
    return Glance(
        path=path,
        name=str(cast("Json", config).get("name") if isinstance(config, dict) else ""),
        sites=tuple(site for site in sites if site.path not in doubtful),
        kernel_parameters=sum(sizes.values()),
        places=places,
        roots=tuple(kept),
    )


def _in_folder(file: Any, kernel: Kernel) -> Any:
    """A kernel in the layout of Keras 3, if its folder is that of its layer."""
    owner = file.get(f"{kernel.folder}/vars")
    if owner is None or owner.attrs.get("name", kernel.names[-1]) != kernel.names[-1]:
        return None
    return owner.get(str(kernel.index))


def _finder(index: Mapping[str, Mapping[str, Any]], wanted: list[Kernel]) -> Find:
    """How to find a kernel in the layout of Keras 2, where names lead to weights.

    Below the outermost layer, a name holds that of the owner, as a rule: the weights
    of a `TimeDistributed` layer are named without. A kernel is taken where names
    single it out, or where only one can be meant.
    """
    rivals: dict[tuple[str, str], int] = defaultdict(int)
    for kernel in wanted:
        rivals[kernel.names[0], kernel.variable[0]] += 1

    def find(kernel: Kernel) -> Any:
        top, variable = kernel.names[0], kernel.variable
        named = {
            tuple(path.partition(":")[0].split("/")): stored
            for path, stored in index.get(top, {}).items()
        }
        named = {names: w for names, w in named.items() if names[-1] in variable}
        if len(named) > 1 or rivals[top, variable[0]] > 1:
            named = _nearest(named, kernel)
        return next(iter(named.values())) if len(named) == 1 else None

    return find


def _nearest(
    named: Mapping[tuple[str, ...], Any], kernel: Kernel
) -> dict[tuple[str, ...], Any]:
    """Those among weights whose names share most with a kernel's, owner included."""
    owner = kernel.names[-1]
    if kernel.folder.endswith("/cell"):
        owner = kernel.names[-2]
    shared = {
        names: len(set(names) & set(kernel.names)) for names in named if owner in names
    }
    most = max(shared.values(), default=0)
    return {names: named[names] for names, count in shared.items() if count == most}


def _datasets(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every dataset below a group, with the names that lead to it."""
    for name, item in group.items():
        if isinstance(item, h5py.Dataset):
            yield f"{path}{name}", item
        else:
            yield from _datasets(item, f"{path}{name}/")


def _fits(stored: Any, kernel: Kernel) -> bool:
    is_float = stored.dtype.kind == "f"
    return is_float and stored.ndim == kernel.form.axes and 0 not in stored.shape


def _site(kernel: Kernel, shape: tuple[int, ...]) -> Site:
    return Site(
        path=kernel.address,
        kind=kernel.form.kind,
        shape=shape,
        channel_axes=kernel.form.channel_axes,
        layer=kernel.layer,
        gates=kernel.form.gates,
    )


def _line(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")

"""Getting the full data set: sources, checksums, what is refused."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from workbench.core.errors import UserError
from workbench.demo import fashion_mnist, paths


@pytest.fixture(scope="module")
def test_half() -> dict[str, np.ndarray]:
    with np.load(paths("cnn")[1]) as stored:
        return {name: stored[name] for name in ("x_test", "y_test")}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A data set of two images whose checksums are taken for the published ones."""
    pixels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    labels = np.array([3, 9], np.uint8)
    arrays = {"x_train": pixels, "y_train": labels}
    arrays |= {"x_test": pixels[:1], "y_test": labels[:1]}
    sums = {name: fashion_mnist.checksum(values) for name, values in arrays.items()}
    monkeypatch.setattr(fashion_mnist, "SHA256", sums)
    return arrays


def write_idx(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    for name, file in fashion_mnist.IDX_FILES.items():
        values = arrays[name]
        header = bytes([0, 0, 8, values.ndim])
        lengths = np.array(values.shape, ">u4").tobytes()
        (folder / file).write_bytes(header + lengths + values.tobytes())


def no_download(command: list[str], _: Path) -> None:
    raise UserError("demo.command", command=command[0], reason="no network")


def test_packaged_test_set_is_the_published_one(
    test_half: dict[str, np.ndarray],
) -> None:
    for name, values in test_half.items():
        assert fashion_mnist.checksum(values) == fashion_mnist.SHA256[name]


def test_one_flipped_byte_is_refused(tiny: dict[str, np.ndarray]) -> None:
    fashion_mnist.verify(tiny)
    tiny["x_train"] = tiny["x_train"].copy()
    tiny["x_train"][1, 14, 14] ^= 1
    with pytest.raises(UserError, match="x_train must have the SHA-256 sum"):
        fashion_mnist.verify(tiny)


def test_folder_becomes_one_file(tmp_path: Path, tiny: dict[str, np.ndarray]) -> None:
    write_idx(tmp_path, tiny)
    target = tmp_path / "data" / "full.npz"
    assert fashion_mnist.fetch(tmp_path, target) == target
    with np.load(target) as stored:
        assert stored["x_train"].shape == (2, 28, 28, 1)
        np.testing.assert_array_equal(stored["x_train"][..., 0], tiny["x_train"])
        np.testing.assert_array_equal(stored["y_test"], tiny["y_test"])
        assert len(stored["class_names"]) == 10
    assert list(target.parent.iterdir()) == [target]


def test_folder_of_other_images_is_refused_and_nothing_written(
    tmp_path: Path, tiny: dict[str, np.ndarray]
) -> None:
    write_idx(tmp_path, tiny | {"y_train": tiny["y_train"][::-1]})
    with pytest.raises(UserError, match="y_train must have the SHA-256 sum"):
        fashion_mnist.fetch(tmp_path, tmp_path / "full.npz")
    assert not (tmp_path / "full.npz").exists()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must hold train-images-idx3-ubyte\.gz"):
        fashion_mnist.fetch(tmp_path, tmp_path / "full.npz")


def test_complete_file_is_used_again_and_a_broken_one_is_not(
    tmp_path: Path, tiny: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path, tiny)
    target = fashion_mnist.fetch(tmp_path, tmp_path / "full.npz")
    monkeypatch.setattr(fashion_mnist, "run", no_download)
    assert fashion_mnist.fetch(None, target) == target
    target.write_bytes(target.read_bytes()[:200])
    with pytest.raises(UserError, match="name a folder"):
        fashion_mnist.fetch(None, target)


def test_without_a_source_both_reasons_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "run", no_download)
    monkeypatch.setattr(fashion_mnist.shutil, "which", lambda _: None)
    with pytest.raises(UserError, match=r"no network.*apt-get must be installed"):
        fashion_mnist.fetch(None, tmp_path / "full.npz")


def test_debian_package_is_downloaded_with_lists_of_our_own(
    tmp_path: Path, tiny: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def fake(command: list[str], folder: Path) -> None:
        commands.append(command)
        if command == ["apt-get", "download", "dataset-fashion-mnist"]:
            no_download(command, folder)
        if command[-2:] == ["download", "dataset-fashion-mnist"]:
            (folder / "dataset-fashion-mnist_1_all.deb").touch()
        if command[0] == "dpkg-deb":
            inside = Path(command[-1], "usr/share/datasets/fashion-mnist")
            inside.mkdir(parents=True)
            write_idx(inside, tiny)

    monkeypatch.setattr(fashion_mnist, "run", fake)
    monkeypatch.setattr(fashion_mnist.shutil, "which", lambda tool: tool)
    fashion_mnist.verify(fashion_mnist.from_debian(tmp_path))
    assert [command[-1] for command in commands[:3]] == [
        "dataset-fashion-mnist",
        "update",
        "dataset-fashion-mnist",
    ]


def test_command_that_fails_is_said_with_its_last_line(tmp_path: Path) -> None:
    code = "import sys; sys.exit('first\\nlast')"
    with pytest.raises(UserError, match="but it said: last"):
        fashion_mnist.run([fashion_mnist.sys.executable, "-c", code], tmp_path)
    with pytest.raises(UserError, match="must succeed"):
        fashion_mnist.run([str(tmp_path / "nothing")], tmp_path)


def test_command_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("apt-get", float(str(options["timeout"])))

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(UserError, match="timed out"):
        fashion_mnist.run(["apt-get"], tmp_path)


def test_target_that_cannot_be_written_is_said(
    tmp_path: Path, tiny: dict[str, np.ndarray]
) -> None:
    write_idx(tmp_path, tiny)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"full\.npz must be writable"):
        fashion_mnist.fetch(tmp_path, tmp_path / "file" / "full.npz")

"""What the servers are told before they start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench import serve
from workbench.core.errors import UserError
from workbench.frontend.voila_server import is_loopback


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "w"}, "linux", True),
        ({}, "darwin", True),
        ({"CI": "true", "DISPLAY": ":0"}, "linux", False),
    ],
)
def test_a_browser_is_opened_where_it_is_seen(
    environment: dict[str, str], platform: str, expected: bool
) -> None:
    assert serve.has_screen(environment, platform) is expected


def test_bad_wishes_are_one_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(UserError, match=r"port must lie in \[1, 65535\]. Received: 0"):
        serve.dashboard(port=0)
    with pytest.raises(UserError, match=r"notebook .*gone must exist"):
        serve.dashboard(notebook=gone)
    with pytest.raises(UserError, match="gone must exist"):
        serve.lab(gone)
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    with pytest.raises(UserError, match="gone must exist"):
        serve.dashboard(gone, notebook=notebook)


def test_kernels_inherit_what_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.chdir(tmp_path)
    Path("model.keras").touch()
    serve._prepare_environment(Path("model.keras"), None, {"MORE": "1"})
    assert os.environ[serve.MODEL_VARIABLE] == str(tmp_path.resolve() / "model.keras")
    assert os.environ["MORE"] == "1"
    assert serve.DATA_VARIABLE not in os.environ


def test_an_installed_packages_lessons_are_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "workbench"
    (package / "notebooks" / "zh").mkdir(parents=True)
    (package / "notebooks" / "zh" / "one.ipynb").write_text("new")
    monkeypatch.setattr(serve, "_PACKAGE", package)
    copied = serve.lessons(tmp_path)
    assert (copied / "zh" / "one.ipynb").read_text() == "new"
    (copied / "zh" / "one.ipynb").write_text("mine")
    assert serve.lessons(tmp_path) == copied
    assert (copied / "zh" / "one.ipynb").read_text() == "mine"


def test_a_checkouts_lessons_are_edited_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_PACKAGE", tmp_path / "workbench")
    (tmp_path / "notebooks").mkdir()
    assert serve.lessons(tmp_path / "elsewhere") == tmp_path / "notebooks"


@pytest.mark.parametrize(
    ("ip", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False)],
)
def test_loopback_is_known(ip: str, expected: bool) -> None:
    assert is_loopback(ip) is expected

"""Save: a list of files, and a download of them."""

import zipfile
from io import BytesIO

import pytest

from tests.chain.models import case
from tests.panels.support import tree
from workbench.core.errors import UserError
from workbench.panels.address import Address
from workbench.panels.saving import saving
from workbench.panels.scope import Scope
from workbench.session import Session


@pytest.fixture(scope="module")
def dense():
    return case("dense")


def test_a_download_is_packed_by_the_session(dense, tmp_path, monkeypatch):
    session = Session(dense.model, dense.data, is_kept=False)
    with pytest.raises(UserError, match="save first"):
        session.pack(lambda *_: None)
    session.save(tmp_path / "result", ("keras",))
    scope = Scope(session, Address())
    given = []
    monkeypatch.setattr(scope.address, "download", lambda *what: given.append(what))
    toggle, group = saving(scope)
    toggle.value = True
    words = scope.say("screen.download")
    next(w for w in tree(group) if getattr(w, "description", "") == words).click()
    [(name, content)] = given
    assert name == "result.zip"
    names = zipfile.ZipFile(BytesIO(content)).namelist()
    assert sorted(names) == sorted(
        str(path.relative_to(tmp_path)) for path in (tmp_path / "result").iterdir()
    )


def test_what_was_not_written_is_in_the_list_of_files(dense, tmp_path):
    session = Session(dense.model, dense.data, is_kept=False)
    scope = Scope(session, Address())
    toggle, group = saving(scope)
    toggle.value = True
    session.save(tmp_path / "result", ("keras", "tflite-int8"))
    assert dict(session.status.values)["formats"] == "tflite-int8"
    listing = " ".join(str(getattr(w, "value", "")) for w in tree(group))
    assert "model.keras" in listing
    assert "tflite-int8" in listing
    assert scope.say("export.no_activations") in listing


def test_a_folder_that_is_gone_is_not_an_empty_download(dense, tmp_path):
    session = Session(dense.model, dense.data, is_kept=False)
    session.save(tmp_path / "result", ("keras",))
    (tmp_path / "result").rename(tmp_path / "away")
    with pytest.raises(UserError, match="was not found"):
        session.pack(lambda *_: None)

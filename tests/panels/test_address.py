"""The page's address as the kernel sees it."""

from __future__ import annotations

import pytest

from workbench.panels.address import Address, initial_query


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER_SOFTWARE", "QUERY_STRING", "VOILA_PREHEAT"):
        monkeypatch.delenv(name, raising=False)


def test_outside_voila_nothing_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERY_STRING", "of=another&server=x")
    assert initial_query() == {}


def test_voila_passes_the_query_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("QUERY_STRING", "session=a%20b&lang=zh&empty=")
    assert initial_query() == {"session": "a b", "lang": "zh"}


def test_a_kernel_made_ahead_waits_for_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def request_comes() -> None:
        monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
        monkeypatch.setenv("QUERY_STRING", "lang=zh")

    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setattr("voila.utils.wait_for_request", request_comes)
    assert initial_query() == {"lang": "zh"}


def test_a_copy_reports_back() -> None:
    address = Address()
    heard: list[tuple[str, bool]] = []
    address.on_copied(lambda name, done: heard.append((name, done)))
    address._handle_custom_msg({"event": "copied", "id": "link", "done": False}, [])
    assert heard == [("link", False)]

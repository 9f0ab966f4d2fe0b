"""A disk that refuses to be written, and what lies on it."""

import os

from workbench.core import store


def fail_after(number, code, monkeypatch):
    """Let the first `number` writes pass; the next stops half-way."""
    written = []
    real = store._write

    def write(path, content):
        if len(written) < number:
            written.append(path)
            return real(path, content)
        path.write_bytes(b"half")
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store, "_write", write)


def tree(path):
    return {
        str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()
    }

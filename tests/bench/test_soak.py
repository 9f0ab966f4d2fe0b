"""A minute of random use leaves no thread, loses no exception, and keeps its memory."""

import asyncio
import json
import logging
import subprocess
import sys
import threading

import pytest

from tests.chain.models import case
from workbench.bench.faults import Faults
from workbench.bench.soak import growth
from workbench.cli import main
from workbench.core.errors import UserError
from workbench.session import Session

MOST_GROWN_IN_A_MINUTE = 10.0


@pytest.mark.slow
def test_a_minute_of_random_use():
    words = ["-m", "workbench", "bench", "soak", "--seconds", "60", "--json"]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True
    )
    results = json.loads(done.stdout)["results"]
    # A minute is not past the warm-up; a leak would still show.
    grown = results.pop("memory_growth")["value"]
    assert grown < MOST_GROWN_IN_A_MINUTE, results
    assert [name for name, result in results.items() if not result["holds"]] == [], (
        results,
        done.stderr,
    )


def test_growth_is_that_after_the_warm_up():
    flat = [(float(at), 100) for at in range(31)]
    assert growth(flat) == 0
    warming = [(at, 50 if at < 9 else 100) for at, _ in flat]
    assert growth(warming) == 0
    leaking = [(at, 1000 + int(at)) for at, _ in flat]
    assert growth(leaking) == pytest.approx(0.02, rel=0.05)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_nobody_handles_is_counted():
    class Broken:
        def __del__(self):
            raise RuntimeError("in a finalizer")

    def fail(*_):
        raise RuntimeError("in a callback")

    dense = case("dense")

    async def scene():
        with Faults() as faults:
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            asyncio.get_running_loop().call_soon(fail)
            Broken()
            logging.getLogger("somebody").error("in a log")
            session = Session(dense.model, dense.data, is_kept=False)
            faults.watch(session)
            session.fail(UserError("session.not_open"))
            await asyncio.sleep(0)
            session.close()
        return faults.said

    said = asyncio.run(scene())
    places = [line.partition(":")[0] for line in said]
    assert places[:2] == ["thread", "finalizer"]
    assert {"somebody", "event loop"} <= set(places)
    assert len(said) == 5


@pytest.mark.parametrize("seconds", ["0", "-3", "soon", "nan", "inf"])
def test_a_soak_takes_a_time(seconds, capsys):
    assert main(["bench", "soak", "--seconds", seconds]) == 2
    assert "--seconds must be a positive number" in capsys.readouterr().err


def test_other_benchmarks_take_no_time(capsys):
    assert main(["bench", "start", "--seconds", "5"]) == 2
    assert "The benchmark start must be run whole" in capsys.readouterr().err

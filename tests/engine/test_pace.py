from workbench.engine.pace import MOST_BYTES, MOST_STEPS, Pace


def measured(step_s, step_bytes=1):
    pace = Pace(1000, 4, step_bytes)
    pace.trained(1, 9.0, is_first=True)
    pace.trained(1, step_s, is_first=False)
    return pace


def test_one_step_until_the_speed_is_known():
    pace = Pace(1000, 4, 1)
    assert pace.count(50) == 1
    pace.trained(1, 9.0, is_first=True)
    assert pace.count(50) == 1


def test_a_call_takes_a_tenth_of_a_second():
    assert measured(0.02).count(50) == 5
    assert measured(0.5).count(50) == 1


def test_a_call_is_bounded_by_limit_steps_and_bytes():
    assert measured(1e-6).count(50) == 50
    assert measured(1e-6).count(10**6) == MOST_STEPS
    assert measured(1e-6, MOST_BYTES // 3).count(50) == 3
    assert measured(1e-6, 10 * MOST_BYTES).count(50) == 1


def test_the_time_left_counts_steps_and_scorings():
    pace = measured(0.5)
    assert pace.seconds_left() == 998 * 0.5
    pace.scored(2.0)
    assert pace.seconds_left() == 998 * 0.5 + 3 * 2

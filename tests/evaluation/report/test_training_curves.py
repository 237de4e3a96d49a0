import math

from gedanken.evaluation.report.training import collapse_meter, training_curves

HEALTH = {"effective_rank": 40.0, "std_batch": 1.0, "std_batch_min": 0.9, "std_time": 0.5, "action_sensitivity": 0.8}


def row(step: int, **more) -> dict:
    return {
        "step": step,
        "loss": 2.0 / (step + 1),
        "variance": 1.0,
        "learning_rate": 1e-3,
        "frames_per_second": 9.0,
        **more,
    }


def test_the_loss_and_every_term_get_a_chart_and_nothing_else_does():
    drawn = training_curves([row(0), row(1, health=HEALTH, warnings=[]), row(2, late_term=3.0)])
    assert [chart.title for chart in drawn] == ["loss", "variance", "late term"]
    logged, smooth = drawn[0].series
    assert list(logged.x) == [0, 1, 2]
    assert list(logged.y) == [2.0, 1.0, 2.0 / 3]
    assert logged.faint
    assert not smooth.faint
    assert math.isnan(drawn[2].series[0].y[0])


def test_smoothing_follows_without_lag_and_skips_what_is_not_finite():
    line = [row(step) | {"loss": float(step)} for step in range(60)]
    line[30]["loss"] = math.nan
    smooth = training_curves(line)[0].series[1].y
    assert all(abs(value - step) < 0.5 for step, value in enumerate(smooth))


def test_the_meter_tells_the_last_reading_and_what_was_wrong_before():
    slow, actions = "Slow features: latents differ (0.1); do this.", "Actions hardly matter: {:.2f} of it; do that."
    rows = [
        row(0),
        row(10, health=HEALTH | {"effective_rank": 2.0}, warnings=[slow, actions.format(0.1)]),
        row(20, health=HEALTH, warnings=[slow, actions.format(0.15)]),
        row(30, health=HEALTH | {"effective_rank": 56.34}, warnings=[slow]),
    ]
    reading = collapse_meter(rows)
    assert reading is not None
    assert [figure.value for figure in reading.figures] == ["56.3", "1", "0.5", "0.8"]
    assert list(reading.charts[0].series[0].y) == [2.0, 40.0, 56.34]
    assert reading.now == [slow]
    assert reading.before == [("Earlier, from step 10 to 20:", actions.format(0.15))]


def test_a_run_without_readings_has_no_meter():
    assert collapse_meter([row(0), row(1)]) is None
    assert collapse_meter([]) is None
    assert training_curves([]) == []

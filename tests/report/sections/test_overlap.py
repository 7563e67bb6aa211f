from dataclasses import replace

import numpy as np
from pairs import pair

from echodfkd.report.sections.overlap import boundary_table, overlap_table, section
from echodfkd.scores.clip_row import score_clip
from echodfkd.scores.scorecard import scorecard


def rows(step, spacing=None, empty=0):
    """Squares moved by `step` columns and more from clip to clip; the last `empty` frames of each clip not found."""
    truth = np.zeros((4, 40, 40), bool)
    truth[:, 10:20, 10:20] = True
    cases = []
    for n in range(3):
        predicted = np.roll(truth, step + n, axis=2)
        predicted[4 - empty :] = False
        cases.append(pair(f"clip {n}", predicted, truth, 50.0, (0,), (2,), spacing=spacing))
    return [score_clip(*case) for case in cases]


def cells(table, name):
    return next(row for row in table.rows if row[0] == name)


def card(found, **more):
    return scorecard(found, resamples=20, **more)


def test_pooled_and_mean_per_frame_stand_in_lines_of_their_own_and_the_note_tells_them_apart():
    table = overlap_table(card(rows(1), baseline=rows(4)))
    assert [row[0] for row in table.rows] == [
        "mean of labelled frames",
        "end-diastole",
        "end-systole",
        "all pixels pooled",
    ]
    assert cells(table, "end-diastole")[1].startswith("0.800 (")  # of 10 columns 9, 8 and 7 are shared
    assert cells(table, "end-diastole")[3].startswith("0.500 (")
    assert "every clip weighs the same" in table.note
    assert "long clips weigh more" in table.note


def test_distances_stand_in_pixels_and_in_millimetres_where_the_spacing_is_known():
    plain, measured = (boundary_table(card(rows(1, spacing))) for spacing in (None, (0.5, 0.5)))
    assert cells(plain, "end-systole")[1].startswith("2.00 (1.00 to ")
    assert not any("mm" in column for column in plain.columns)
    assert cells(measured, "end-systole")[3].startswith("1.00 (0.50 to ")
    assert "HD95, mm" in measured.columns
    for table in (plain, measured):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_frames_without_a_distance_are_told_and_penalised():
    table = boundary_table(card(rows(1, empty=1), baseline=rows(1)))
    assert table.note.startswith("3 labelled frames had one mask alone empty")
    value = (3 * 2 + np.hypot(39, 39)) / 4
    assert cells(table, "missing masks penalised")[1].startswith(f"{value:.2f} (")
    assert cells(table, "missing masks penalised")[3].startswith("2.00 (")
    assert boundary_table(card(rows(1))).note.startswith("No labelled frame")


def test_the_section_names_the_rule_of_its_distances_and_draws_what_it_has_rows_for():
    found, own = card(rows(1)), rows(1)
    assert "larger of the two directed 95th percentiles" in section(found).text[0]
    assert section(found).pictures == ()
    assert len(section(found, rows=own, baseline=rows(3)).pictures) == 1


def test_a_scorecard_from_before_boundary_distances_still_has_its_section():
    found = replace(card(rows(1)), boundary=None)
    old = [{key: value for key, value in row.items() if "hd95" not in key} for row in rows(1)]
    shown = section(found, rows=old)
    assert [table.caption for table in shown.tables] == ["Dice and IoU"]
    assert len(shown.pictures) == 1

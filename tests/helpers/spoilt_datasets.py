"""Data sets with planted defects of every kind that can be in their layout, and what `check` is to find in them."""

from pathlib import Path

import numpy as np
from made_datasets import beats, patient, traced, write_camus, write_echonet

WHOLE = ("whole0", "whole1", "whole2")
Found = set[tuple[str, str]]
"""Clips and reasons."""


def spoilt_echonet(folder: Path) -> tuple[Path, Found]:
    """Three whole clips, one with each defect that is named after it; the folder, and what is to be found.

    The second whole clip and the spoilt ones are to train on, the third is for validation; the first is listed twice.
    """
    beat = beats()[2]  # ED at frame 0, ES at 14
    splits = ("TRAIN", "TRAIN", "VAL")
    clips = {name: traced(one, name, split) for name, one, split in zip(WHOLE, beats(), splits, strict=True)}
    names = [
        *("missing-file", "undecodable", "frame-count", "size", "frame-rate", "blank", "static", "saturated"),
        *("blank-half", "frozen", "frozen-jump", "frozen-cursor", "volumes", "volumes-swapped", "unit", "tiny-outline"),
        *("untraced", "segments", "segments-left", "merged-annotators", "one-phase", "traced-frame", "self-crossing"),
        *("out-of-frame", "ed-es-close", "table", "table-traced", "unlisted", "unlisted-film"),
    ]
    clips |= {name: traced(beat, name, "TRAIN") for name in names}
    frames, (es, ed) = beat.frames, clips["segments"].tracings
    clips["missing-file"].film = None
    clips["frame-count"].film = frames[:-4]
    clips["size"].row |= {"FrameHeight": 128, "FrameWidth": 128}
    clips["frame-rate"].row["FPS"] = 7
    clips["blank"].film = np.zeros_like(frames)
    clips["blank-half"].film = np.concatenate([frames[:16], np.zeros_like(frames[16:])])
    clips["frozen"].film = np.concatenate([frames[:10], np.repeat(frames[10:11], 20, axis=0)])
    clips["frozen-jump"].film = np.repeat(frames[[0, 14]], 15, axis=0)
    clips["frozen-cursor"].film = np.repeat(frames[:1], len(frames), axis=0)
    for number, frame in enumerate(clips["frozen-cursor"].film):
        frame[50:56, 20 + 2 * number : 26 + 2 * number] = 255
    clips["volumes"].row["EF"] = 155
    clips["volumes-swapped"].row |= {"ESV": 101.3, "EDV": 40.1}
    clips["unit"].row["EF"] = 0.62
    clips["tiny-outline"].tracings = [es, (ed[0], np.full_like(ed[1], 56))]
    clips["static"].film = np.repeat(frames[:1], len(frames), axis=0)
    clips["saturated"].film = np.where(frames > 5, 255, frames).astype(np.uint8)
    clips["untraced"].tracings = []
    clips["segments"].tracings = [(es[0], es[1][:20]), ed]
    clips["segments-left"].tracings = [es, (ed[0], np.concatenate([ed[1], ed[1][:5]]))]
    clips["merged-annotators"].tracings = [es, ed, (ed[0], ed[1] + [1, 0, 1, 0])]
    clips["one-phase"].tracings = [ed]
    clips["traced-frame"].tracings = [ed, (30, es[1])]
    crossed = ed[1].copy()
    crossed[8] = crossed[8][[2, 3, 0, 1]]  # a chord from the other wall to this one
    clips["self-crossing"].tracings = [es, (ed[0], crossed)]
    clips["out-of-frame"].tracings = [(frame, np.add(drawn, [60, 0, 60, 0])) for frame, drawn in (es, ed)]
    clips["ed-es-close"].tracings = [(ed[0] - 2, es[1]), ed]
    clips["table"].row["FPS"] = "fast"
    clips["table-traced"].tracings = [es, (ed[0], np.full_like(ed[1], np.nan))]
    clips["unlisted"].row, clips["unlisted"].film = None, None
    clips["unlisted-film"].row, clips["unlisted-film"].tracings = None, []
    clips["duplicate"] = traced(beat, "whole0")
    clips["duplicate"].tracings, clips["duplicate"].film = [], None
    write_echonet(folder, clips)
    film = folder / "Videos" / "undecodable.avi"
    film.write_bytes(film.read_bytes()[:20_000])
    more = ("-left", "-traced", "-film", "-half", "-jump", "-cursor", "-swapped")
    wanted = {(name, name) for name in names if not name.endswith(more)}
    return folder, wanted | {
        ("blank-half", "blank"),
        ("frozen-jump", "frozen"),
        ("frozen-cursor", "frozen"),
        ("volumes-swapped", "volumes"),
        ("segments-left", "segments"),
        ("table-traced", "table"),
        ("unlisted-film", "unlisted"),
        ("whole0", "duplicate"),
    }


def spoilt_camus(folder: Path) -> tuple[Path, Found]:
    """One whole patient, the first of those to train on, and one with each defect; the folder, what is to be found."""
    reasons = {
        2: "missing-file",
        3: "missing-file",
        4: "untraced",
        5: "frame-count",
        6: "traced-frame",
        7: "table",
        8: "labels",
        9: "labels",
        10: "labels",
        11: "undecodable",
        12: "static",
        13: "unlisted",
        14: "ed-es-close",
        15: "blank",
        16: "missing-file",
        17: "saturated",
        18: "frame-rate",
        19: "leakage",
    }
    names = {number: f"patient{number:04d}" for number in (1, *reasons)}
    patients = {name: patient(beats()[2]) for number, name in names.items() if number != 16}
    for one in patients.values():
        one.sequence_masks = None
    spoil = {number: patients[name] for number, name in names.items() if number != 16}
    spoil[2].half, spoil[3].info = None, None
    del spoil[4].masks["ES"]
    spoil[5].info["NbFrame"] = 17
    spoil[6].info["ES"] = 40
    spoil[7].info["ED"] = "first"
    spoil[8].masks["ED"] = np.zeros_like(spoil[8].masks["ED"])
    spoil[9].masks["ED"] = spoil[9].masks["ED"][:-3]
    spoil[10].masks["ES"] = spoil[10].masks["ES"] + 3
    spoil[12].half = np.repeat(spoil[12].half[:1], len(spoil[12].half), axis=0)
    spoil[14].info["ES"] = 2
    spoil[15].half = spoil[15].half * 0 + 40
    spoil[17].half = np.where(spoil[17].half > 5, 255, 0).astype(np.uint8)
    spoil[18].info["FrameRate"] = 300
    listed = [name for number, name in names.items() if number != 13]
    validation = [*listed[5:8], names[19]]
    write_camus(folder, patients, {"training": listed[:5], "validation": validation, "testing": listed[8:]})
    film = folder / "database_nifti" / names[11] / f"{names[11]}_4CH_half_sequence.nii.gz"
    film.write_bytes(film.read_bytes()[:5000])
    wanted = {(f"{names[number]}_4CH_half_sequence", reason) for number, reason in reasons.items()}
    return folder, wanted | {(f"{names[18]}_4CH_half_sequence", "ed-es-close")}  # 14 frames at 300 Hz

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from echodfkd.clip import Clip, Segmenter, to_bytes
from echodfkd.errors import InputError
from echodfkd.teachers.archive import MaskArchive, read_masks, write_masks

RNG = np.random.default_rng(5)
CLIP = Clip("0X1A", RNG.integers(0, 256, (4, 6, 7), dtype=np.uint8), 50.0)
ONE = RNG.integers(0, 256, (4, 6, 7), dtype=np.uint8)
TWO = RNG.integers(0, 256, (4, 2, 6, 7), dtype=np.uint8)


def archive(folder, masks, structures=("lv",)) -> Segmenter:
    write_masks(folder / "0X1A.seg.npz", masks)
    return MaskArchive(folder, structures)


def test_one_structure_comes_back_as_one_channel(tmp_path):
    masks = archive(tmp_path, ONE)(CLIP)
    assert (masks.dtype, masks.shape) == (np.float32, (4, 1, 6, 7))
    np.testing.assert_array_equal(to_bytes(masks)[:, 0], ONE)


def test_several_structures_keep_their_order(tmp_path):
    teacher = archive(tmp_path, TWO, ("lv", "la"))
    assert (tuple(teacher.structures), teacher.threshold) == (("lv", "la"), 0.5)
    np.testing.assert_array_equal(to_bytes(teacher(CLIP)), TWO)


def test_the_layout_is_the_published_one(tmp_path):
    np.savez_compressed(tmp_path / "0X1A.seg.npz", ONE)  # as the published release writes: one array without a name
    np.testing.assert_array_equal(to_bytes(MaskArchive(tmp_path)(CLIP))[:, 0], ONE)
    write_masks(tmp_path / "b.seg.npz", ONE)
    with np.load(tmp_path / "b.seg.npz") as written:
        assert written.files == ["arr_0"]
        np.testing.assert_array_equal(written["arr_0"], ONE)


def test_masks_of_one_structure_are_written_as_the_published_release_reads_them(tmp_path):
    write_masks(tmp_path / "0X1A.seg.npz", ONE[:, None])
    with np.load(tmp_path / "0X1A.seg.npz") as written:
        np.testing.assert_array_equal(written["arr_0"], ONE)


def test_masks_are_found_by_the_clips_one_name_and_hidden_files_are_none(tmp_path):
    write_masks(tmp_path / "0X1A.avi.seg.npz", ONE)
    (tmp_path / "._0X1A.avi.seg.npz").write_bytes(b"\0\5\x16\7")
    np.testing.assert_array_equal(to_bytes(MaskArchive(tmp_path)(CLIP))[:, 0], ONE)
    (tmp_path / "0X1A.avi.seg.npz").unlink()
    with pytest.raises(InputError, match="no mask archive"):
        MaskArchive(tmp_path)


def test_same_masks_same_bytes(tmp_path):
    write_masks(tmp_path / "a.seg.npz", TWO)
    os.utime(tmp_path / "a.seg.npz", (0, 0))
    write_masks(tmp_path / "b.seg.npz", TWO)
    assert (tmp_path / "a.seg.npz").read_bytes() == (tmp_path / "b.seg.npz").read_bytes()


def test_masks_of_another_clip_are_refused(tmp_path):
    for masks, structures in ((ONE[1:], ("lv",)), (ONE[:, 1:], ("lv",)), (TWO, ("lv",)), (ONE, ("lv", "la"))):
        with pytest.raises(InputError, match=r"masks \(4, "):
            archive(tmp_path, masks, structures)(CLIP)
    with pytest.raises(InputError, match=r"No such .*other\.seg\.npz"):
        MaskArchive(tmp_path)(Clip("other", CLIP.frames))


def test_a_clip_whose_name_is_a_path_has_no_masks(tmp_path):
    write_masks(tmp_path / "outside.seg.npz", ONE)
    teacher = archive(tmp_path / "masks", ONE)
    with pytest.raises(InputError, match=r"no path, got '\.\./outside'"):
        teacher(Clip("../outside", CLIP.frames))


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(InputError, match="no mask archive"):
        MaskArchive(tmp_path)
    path = tmp_path / "0X1A.seg.npz"
    write_masks(path, ONE)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2], whole[:60] + b"\xff" * 40 + whole[100:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            read_masks(path)
    np.savez(path, masks=ONE)
    with pytest.raises(InputError, match="damaged"):
        read_masks(path)
    np.savez(path, ONE.astype(np.float32))
    with pytest.raises(InputError, match="got float32"):
        read_masks(path)


def npy(header: str) -> bytes:
    """The head of a `.npy`, by its own format, version 1.0."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


FOREIGN = {
    "no array": ("arr_0.npy", b"just text", 0, zipfile.ZIP_DEFLATED),
    "another member": ("arr_0", b"just text", 0, zipfile.ZIP_DEFLATED),
    "encrypted": ("arr_0.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }"), 1, zipfile.ZIP_STORED),
    "another compression": ("arr_0.npy", b"\0" * 99, 0, 97),
    "huge": ("arr_0.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (30000, 30000, 300000), }"), 0, 0),
    "no header": ("arr_0.npy", npy("{'descr': '|u1', 'shape': ((("), 0, zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_zip_is_refused_in_one_line(tmp_path, name):
    member, content, flags, compression = FOREIGN[name]
    path = tmp_path / "a.seg.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, content, zipfile.ZIP_DEFLATED if compression == 97 else compression)
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # flags, then the method, in both headers
        at = raw.index(mark) + place
        raw[at] |= flags
        raw[at + 2 : at + 4] = compression.to_bytes(2, "little")
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"damaged|uint8"):
        read_masks(path)


def test_pickled_objects_are_never_unpacked(tmp_path):
    np.savez(tmp_path / "0X1A.seg.npz", np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="damaged"):
        MaskArchive(tmp_path)(CLIP)


def test_only_masks_are_written(tmp_path):
    with pytest.raises(InputError, match="got float32"):
        write_masks(tmp_path / "a.seg.npz", ONE.astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"got a\.npz"):
        write_masks(tmp_path / "a.npz", ONE)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from echodfkd.errors import OutputError
from echodfkd.teachers.archive import write_masks
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_masks(Path(sys.argv[1]), np.random.default_rng(0).integers(0, 256, (20, 112, 112), dtype=np.uint8))
except OutputError as error:
    print(error)
"""


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.seg.npz"
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True)
    assert ran.stdout.startswith(f"Cannot write {path}: "), ran.stderr
    assert list(tmp_path.iterdir()) == []

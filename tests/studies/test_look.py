from scripts import script

from echodfkd.video import open_video

look = script("studies/look.py")


def test_there_is_something_to_look_at_before_anything_is_taught(tmp_path):
    with open_video(look.look(tmp_path / "first")) as film:
        assert sum(1 for _ in film) == look.FRAMES

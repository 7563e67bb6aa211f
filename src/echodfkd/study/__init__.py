"""A study: its settings, the folder of its run, the clips it draws fresh."""

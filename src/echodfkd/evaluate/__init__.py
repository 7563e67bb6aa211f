"""Judge segmentations: arrays in, numbers out. No disk (but `predictions`), no torch, no other workshop."""

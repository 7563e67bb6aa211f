"""Which segmenter to trust without labels, as the verb `judge` needs it."""

"""Whole pages: what a run, an evaluation, a judgement or a grid of sizes left, drawn as one HTML file."""

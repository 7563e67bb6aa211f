"""What one sequence of masks says: areas, beats, ejection fraction, verdict. Arrays in, values out, no disk."""

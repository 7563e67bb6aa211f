"""Numbers about numbers: intervals, ranks, agreement of two measurements, laws of size."""

"""One file for each topic of the report: its figures, tables and words."""

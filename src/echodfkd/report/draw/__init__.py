"""Pictures: figures, overlays and galleries. Arrays and tables in, figures and frames out."""

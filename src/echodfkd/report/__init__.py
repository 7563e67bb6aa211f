"""Show results: overlays, figures, one self-contained page. Arrays and tables in; pictures, figures and HTML out."""

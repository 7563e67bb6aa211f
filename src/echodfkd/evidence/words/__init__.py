"""What an image-text model says of clips and masks."""

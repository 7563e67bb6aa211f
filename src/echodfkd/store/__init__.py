"""Clips and masks in shards on disk."""

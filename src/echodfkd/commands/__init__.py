"""One file a verb: arguments in, a value out, files where `out` says. Nothing here prints."""

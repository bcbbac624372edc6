"""The commands of `poembot`. Heavy modules are imported inside the functions, so that `--help` is quick."""

"""The commands of `poembot`, a file for each kind. They import late what is heavy, so that help is quick."""

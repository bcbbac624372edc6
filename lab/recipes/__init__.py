"""How the shipped voices were made, so that anyone with the texts can make them again."""

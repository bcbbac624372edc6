"""The desk: the admin's pages, and who may open them."""

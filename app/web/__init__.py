"""The web site: pages, the JSON API and the admin's desk. It parses and renders; what happens is in `app/actions`."""

"""The site: pages, JSON, the admin's desk. An edge: it translates, and leaves the deeds to `app/actions`."""

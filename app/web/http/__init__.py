"""HTTP for all routes: middleware, limits, errors, visitors, admins, languages, and the rendering of pages."""

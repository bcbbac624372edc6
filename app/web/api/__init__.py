"""The JSON API, `/api/v1`, for readers' programs and for admins."""

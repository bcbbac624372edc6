"""Storage: the database and the shelf of version folders. Table classes end in Row; one file of queries per subject."""

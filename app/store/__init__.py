"""Edge: the database and the version shelf. Tables end in Row; one file of queries per word."""

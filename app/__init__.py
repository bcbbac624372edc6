"""The site, and the loop it turns: domain ← store, engine ← bootstrap ← actions ← web, worker ← commands."""

"""The site, and the loop it turns: domain ← loop ← store, engine ← bootstrap ← web, worker ← cli."""

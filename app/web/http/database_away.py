"""What a web does when the database is away, or too busy to answer.

- Pages and JSON answer 503 with `Retry-After` (`errors.py`); the error page leaves out its frame of voices (`page.py`).
- A poem under way goes on; storing it fails, and the stream ends with an `error` event (`api/stream.py`).
- A stream of a run asks again until the database is back (`api/admin.py`).
- `/readyz` answers 503 and names the error, `/healthz` stays 200 (`ops/health.py`); `poembot_database_up` is 0.
- The engine goes on with the versions it has in memory; its own look at the champions is tried again (`app/engine`).
"""

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

TRANSIENT_DB_ERRORS = (OperationalError, InterfaceError, PoolTimeout)
"""What SQLAlchemy raises while the database is away or busy: worth asking again, no bug of ours."""

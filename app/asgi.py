"""The ASGI application: `uvicorn app.asgi:app`."""

import gc

from app.bootstrap import build, build_engine
from app.log import configure
from app.settings import Settings
from app.web.site import create_app

settings = Settings()
configure(settings.env)
bot = build(settings)
app = create_app(bot, build_engine(bot))
# The objects made so far live as long as the process. Without this, each full garbage collection examined them again,
# which took 0.2 s and blocked all requests.
gc.freeze()

"""The application that an ASGI server is pointed at: `uvicorn app.asgi:app`."""

import gc

from app.bootstrap import build, build_engine
from app.log import configure
from app.settings import Settings
from app.web.site import create_app

settings = Settings()
configure(settings.env)
bot = build(settings)
app = create_app(bot, build_engine(bot))
# What a web is made of stays as long as it does. To look through it took each full collection 0.2 s, in which nobody
# was answered.
gc.freeze()

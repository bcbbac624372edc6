"""The application that an ASGI server is pointed at: `uvicorn app.asgi:app`."""

from app.bootstrap import build, build_engine
from app.log import configure
from app.settings import Settings
from app.web.site import create_app

settings = Settings()
configure(settings.env)
bot = build(settings)
app = create_app(bot, build_engine(bot))

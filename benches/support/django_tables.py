"""Makes django-oauth-toolkit's tables (migrate) or cleans them as it does itself (cleartokens)."""

import os
import sys
from urllib.parse import urlparse

import django
from django.conf import settings
from django.core.management import call_command

url = urlparse(os.environ["DATABASE"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.lstrip("/"),
            "USER": url.username,
            "HOST": url.hostname,
            "PORT": url.port,
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "oauth2_provider"],
    SECRET_KEY="of a bench",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
call_command(sys.argv[1], verbosity=0)

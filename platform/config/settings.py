"""Settings, read once from the environment; a unit in each name. ``.env.example`` lists them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import environ
from django.utils.translation import gettext_lazy as _

from config.local_secret import local_secret
from config.private_folder import private_folder
from config.runtime_folder import runtime_folder
from config.security import *  # noqa: F403  (one list of settings, two files)

ROOT = Path(__file__).resolve().parents[2]
env = environ.FileAwareEnv()  # FOO_FILE=/run/secrets/foo is read like FOO

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = private_folder(Path(env.str("DATA_DIR", default=str(ROOT / "var"))))
SECRET_KEY = env.str("SECRET_KEY", default="") or local_secret(DATA_DIR / "secret-key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "template_partials",
    "accounts",
    "courses",
    "curriculum",
    "submissions",
    "leaderboard",
    "workers",
    "grading",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.personal_pages_stay_private",
    "accounts.middleware.language_of_account",
    "config.charset.only_utf_8",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "platform" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database, broker, cache

_SQLITE = f"sqlite:///{quote(str(DATA_DIR / 'db.sqlite3'))}"
DATABASES = {"default": env.db("DATABASE_URL", default=_SQLITE)}
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Web and worker write at once: take the lock at BEGIN, and wait for it.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
elif DATABASE_POOL_SIZE:
    # Each request has a thread of its own under ASGI: what a thread keeps open (CONN_MAX_AGE) is
    # never used again. A pool is the whole process's.
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 10},
    }
REDIS_URL = env.str("REDIS_URL", default=f"unix://{quote(str(DATA_DIR / 'redis' / 'redis.sock'))}")
# How often somebody tried to sign in or up, counted for all web processes together.
CACHES = {
    "default": {
        "BACKEND": "config.cache.Cache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "site",
        "OPTIONS": {
            "serializer": "config.cache.Json",
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
        },
    }
}

# Grading

SUBMISSIONS_MAX_WAITING = env.int("SUBMISSIONS_MAX_WAITING", default=10)
EXERCISES_DIR = Path(env.str("EXERCISES_DIR", default=str(ROOT / "exercises")))
GRADERS_DIR = Path(env.str("GRADERS_DIR", default=str(ROOT / "graders")))
SANDBOX_BACKEND = env.str("SANDBOX_BACKEND", default="bubblewrap")
SANDBOX_RUNTIME_DIR = Path(env.str("SANDBOX_RUNTIME_DIR", default=str(runtime_folder(DATA_DIR))))
SANDBOX_IMAGE = env.str("SANDBOX_IMAGE", default="llm-course-sandbox")
SANDBOX_DOCKER_RUNTIME = env.str("SANDBOX_DOCKER_RUNTIME", default="runc")
SANDBOX_GPU = env.str("SANDBOX_GPU", default="")
SANDBOX_GPU_DRIVER = env.str("SANDBOX_GPU_DRIVER", default="nvidia")
GRADER_SANDBOX = env.str("GRADER_SANDBOX", default="bubblewrap")
SANDBOX_POOL_SIZE = env.int("SANDBOX_POOL_SIZE", default=4)
GRADING_LEASE_SECONDS = env.int("GRADING_LEASE_SECONDS", default=30)
GRADING_MAX_ATTEMPTS = env.int("GRADING_MAX_ATTEMPTS", default=3)
GRADING_RESEND_SECONDS = env.int("GRADING_RESEND_SECONDS", default=30)
GRADING_REAPER_SECONDS = env.int("GRADING_REAPER_SECONDS", default=5)
GRADING_CANARY_HOURS = env.float("GRADING_CANARY_HOURS", default=24.0)
GRADING_DUELS_SECONDS = env.int("GRADING_DUELS_SECONDS", default=60)
GRADING_SHUTDOWN_SECONDS = env.int("GRADING_SHUTDOWN_SECONDS", default=10)

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # The longest wait for a message whose worker died; leases bring its run back much sooner.
    "visibility_timeout": 3600,
    # Who submits while the broker is away, or hangs, doesn't wait for it: the row is stored, and
    # its message is sent again later. Workers try again by themselves.
    "max_retries": 0,
    "socket_connect_timeout": 2,
    "socket_timeout": 3,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_ROUTES = {
    "grading.tasks.requeue_expired": {"queue": "housekeeping"},
    "grading.tasks.call_duels": {"queue": "housekeeping"},
    "grading.tasks.call_measurements": {"queue": "housekeeping"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "requeue-expired": {
        "task": "grading.tasks.requeue_expired",
        # Without an expiry: behind gradings each one would wait longer, and none would ever be done
        # while there is a queue.
        "schedule": GRADING_REAPER_SECONDS,
    },
    "call-measurements": {
        "task": "grading.tasks.call_measurements",
        "schedule": GRADING_DUELS_SECONDS,
        "options": {"expires": GRADING_DUELS_SECONDS},
    },
    "call-duels": {
        "task": "grading.tasks.call_duels",
        "schedule": GRADING_DUELS_SECONDS,
        "options": {"expires": GRADING_DUELS_SECONDS},
    },
}

# People

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backend.Backend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "signup": "accounts.forms.SignupForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
}
# Whether verified or not: nobody is told which addresses are known.
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", default="none")
_EMAIL = "email*" if ACCOUNT_EMAIL_VERIFICATION == "mandatory" else "email"
ACCOUNT_SIGNUP_FIELDS = ["username*", _EMAIL, "password1*", "password2*"]
ACCOUNT_RATE_LIMITS = {
    # A whole lecture may sign in, or up, from one address.
    "login": "120/m/ip",
    "signup": "60/m/ip",
    # Wrong passwords, of one account from one address ...
    "login_failed": "5/5m/key",
    # ... from one address, of whatever account ...
    "login_failed_address": "100/5m/ip",
    # ... of one account, from wherever ...
    "login_failed_account": "100/h/key",
    # ... and in a browser where its owner signed in before, for which none of these count.
    "login_failed_device": "10/5m/key",
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="LLM Course <noreply@localhost>")

# Languages, time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
# The second holds what we say otherwise than the packages whose texts they are.
LOCALE_PATHS = [ROOT / "platform" / "locale", ROOT / "platform" / "overrides" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# Files

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [ROOT / "platform" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The largest thing that anybody sends is a notebook.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 << 20
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 << 20
# A proxy may serve STATIC_ROOT, as another user.
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:7} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"level": "WARNING"},
        # Each grading says what it did in a line of its own.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

"""Settings, read once from the environment; a unit in each name."""

from __future__ import annotations

from pathlib import Path

import environ

ROOT = Path(__file__).resolve().parents[2]
env = environ.FileAwareEnv()  # FOO_FILE=/run/secrets/foo is read like FOO

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="insecure-development-key")
INSTALLED_APPS = ["grading"]
USE_TZ = True

EXERCISES_DIR = Path(env.str("EXERCISES_DIR", default=str(ROOT / "exercises")))
GRADERS_DIR = Path(env.str("GRADERS_DIR", default=str(ROOT / "graders")))
SANDBOX_RUNTIME_DIR = Path(env.str("SANDBOX_RUNTIME_DIR", default=str(ROOT / "var" / "runtime")))
SANDBOX_POOL_SIZE = env.int("SANDBOX_POOL_SIZE", default=4)

"""The Celery application. Workers find their tasks by themselves; the web process only sends."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("llm_course")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["grading"])
app.set_default()  # in every thread, for whoever sends by `celery.current_app`

from django.contrib import admin
from django.urls import include, path

from accounts.views import set_language
from config.health import live, ready

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("livez", live),
    path("readyz", ready),
    path("", include("workers.urls")),
    path("", include("leaderboard.urls")),
    path("", include("submissions.urls")),
]

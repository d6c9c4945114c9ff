from django.contrib import admin
from django.urls import include, path

from accounts.views import account, set_language
from config.health import live, ready
from config.well_known import favicon, robots

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("account/", account, name="account"),
    path("language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("livez", live),
    path("readyz", ready),
    path("robots.txt", robots),
    path("favicon.ico", favicon),
    path("", include("workers.urls")),
    path("", include("leaderboard.urls")),
    path("", include("submissions.urls")),
]

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from accounts.views import account, set_language
from config.health import live, ready
from config.well_known import favicon, robots

# One way in, with one limit on wrong passwords: none are taken at the admin's own pages.
admin.site.login = secure_admin_login(require_safe(admin.site.login))  # type: ignore[method-assign]

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("account/", account, name="account"),
    path("language/", set_language, name="set_language"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("livez", live),
    path("readyz", ready),
    path("robots.txt", robots),
    path("favicon.ico", favicon),
    path("", include("workers.urls")),
    path("", include("leaderboard.urls")),
    path("", include("submissions.urls")),
]

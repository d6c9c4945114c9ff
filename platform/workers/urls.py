from django.urls import path

from workers import views

urlpatterns = [path("staff/workers/", views.workers, name="workers")]

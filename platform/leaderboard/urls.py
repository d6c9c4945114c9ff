from django.urls import path

from leaderboard import views

urlpatterns = [
    path("leaderboard/", views.points, name="leaderboard"),
    path("leaderboard/appearance/", views.appear, name="appearance"),
    path("exercises/<slug:slug>/leaderboard/", views.speed, name="exercise-leaderboard"),
    path("leaderboard/entries/<int:pk>/rule/", views.rule, name="rule"),
]

from django.urls import path

from submissions import course_pages, events, views

urlpatterns = [
    path("", course_pages.home, name="home"),
    path("stages/<slug:slug>/", course_pages.stage, name="stage"),
    path("help/", course_pages.learners_guide, name="help"),
    path("exercises/", course_pages.exercises, name="exercises"),
    path("submissions/", course_pages.own_submissions, name="own-submissions"),
    path("exercises/<slug:slug>/", views.exercise, name="exercise"),
    path("exercises/<slug:slug>/notebook/", views.starter_notebook, name="starter-notebook"),
    path("exercises/<slug:slug>/submissions/", views.history, name="submissions"),
    path("exercises/<slug:slug>/solution/", views.solution, name="solution"),
    path("exercises/<slug:slug>/changes/", views.draft_changes, name="changes"),
    path("exercises/<slug:slug>/submit/", views.submit, name="submit"),
    path("exercises/<slug:slug>/draft/", views.draft, name="draft"),
    path("submissions/<uuid:pk>/", views.submission, name="submission"),
    path("submissions/<uuid:pk>/notebook/", views.run_notebook, name="run-notebook"),
    path("submissions/<uuid:pk>/changes/", views.submission_changes, name="submission-changes"),
    path("submissions/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("submissions/<uuid:pk>/restore/", views.restore, name="restore"),
    path("submissions/<uuid:pk>/events/", events.stream, name="submission-events"),
]

"""What both sides of the HTTP API share: problems, request ids, admission, parameters, OpenAPI.

Contract: nothing here knows what an article or a query is.

Not here: routes (`search/routes.py`), the app itself (`broadsheet/app.py`).
"""

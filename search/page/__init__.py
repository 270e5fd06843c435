"""The web page: search and read with a browser, rendered on the server.

Contract: works without JavaScript; nothing is fetched from elsewhere; everything shown comes from the same service
and the same parameters as the API.

Not here: the API (`search/routes.py`).
"""

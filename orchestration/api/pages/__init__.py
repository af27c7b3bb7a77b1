"""The pages under ``/planner``: what a client's people see and do in a browser.

Belongs here: logins in a cookie, who may see which page, HTML. Does not belong here: any query
(``reporting``), any deed of its own: a page asks what the API asks, and does what it does.
"""

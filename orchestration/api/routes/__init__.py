"""The routes, a module per noun: each asks for a right, puts one question or does one deed, and answers.

Belongs here: paths, parameters and their sentences. Does not belong here: any SQL, any connection that
``callers`` has not given.
"""

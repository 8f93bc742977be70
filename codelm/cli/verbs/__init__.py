"""The commands beside Lightning's, a module each: what is typed, checked, and handed to the room that does it.

Each has a function ``run(arguments, *, quiet, debug)``; the switches are those of the whole command.
"""

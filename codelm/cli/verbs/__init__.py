"""The commands beside Lightning's, a module each: what is typed, checked, and handed to the room that does it."""

"""How the admin writes moments: by locale, as Django looks for it."""
